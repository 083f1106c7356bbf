#include <doctest/doctest.h>

#include "director/store/director_attributes.hpp"
#include "director/store/fixture.hpp"
#include "director/store/orphaned_vms.hpp"
#include "director/store/problems.hpp"
#include "director/store/snapshots.hpp"
#include "director/store/stores.hpp"

using namespace slipway;
using namespace slipway::director;

namespace {

ProblemRecord problem(ProblemType type, const std::string& instance, const std::string& disk = {}) {
  ProblemRecord record;
  record.type = type;
  record.instance = InstanceId{instance};
  record.group = "app";
  record.disk = DiskCid{disk};
  record.description = "it is broken";
  record.data = {{"owner_vms", {"vm-9"}}};
  return record;
}

DiskRecord disk(const std::string& cid, const std::string& instance, DiskState state) {
  DiskRecord record;
  record.cid = DiskCid{cid};
  record.deployment = "web";
  record.group = "app";
  record.instance = InstanceId{instance};
  record.size_mib = 10;
  record.state = state;
  return record;
}

}  // namespace

TEST_CASE("a scan's findings replace those of the scan before, and no number is given twice") {
  StoreFixture f;
  ProblemReports problems(f.db);
  const auto first = problems.replace_open(
      "web", {}, {problem(ProblemType::missing_vm, "i1"), problem(ProblemType::missing_disk, "i2", "d2")}, f.now);
  CHECK(problems.open("web").size() == 2);
  CHECK(problems.open("other").empty());
  const auto read = problems.find(first[1].id).value();
  CHECK(read.type == ProblemType::missing_disk);
  CHECK(read.disk == DiskCid{"d2"});
  CHECK(read.data.at("owner_vms")[0] == "vm-9");
  CHECK(read.summary() == "missing_disk d2");

  problems.resolve(first[1].id);
  const auto second = problems.replace_open("web", {}, {problem(ProblemType::missing_vm, "i1")}, f.now);
  CHECK(second[0].id > first[1].id);
  CHECK(problems.open("web").size() == 1);
  // What is no longer open may be forgotten, but never comes back as something else.
  CHECK_FALSE(problems.find(first[0].id));

  problems.remove_of_deployment("web");
  CHECK(problems.open("web").empty());
  const auto third = problems.replace_open("next", {}, {problem(ProblemType::missing_vm, "i1")}, f.now);
  CHECK(third[0].id > second[0].id);
}

TEST_CASE("a scan of some instances leaves the problems of the others open") {
  StoreFixture f;
  ProblemReports problems(f.db);
  problems.replace_open("web", {}, {problem(ProblemType::missing_vm, "i1"), problem(ProblemType::missing_vm, "i2")},
                        f.now);
  problems.replace_open("web", {InstanceId{"i1"}}, {}, f.now);
  REQUIRE(problems.open("web").size() == 1);
  CHECK(problems.open("web")[0].instance == InstanceId{"i2"});
}

TEST_CASE("an adopted disk is its instance's only active one and the disk before is an orphan") {
  StoreFixture f;
  Disks disks(f.db);
  disks.insert(disk("old", "i1", DiskState::active));
  disks.insert(disk("orphan", "i9", DiskState::active));
  disks.set_state(DiskCid{"orphan"}, DiskState::orphaned, f.now);

  auto adopted = *disks.find(DiskCid{"orphan"});
  adopted.instance = InstanceId{"i1"};
  for (int again = 0; again < 2; ++again) {
    disks.adopt(adopted, f.now);
    REQUIRE(disks.of_instance(InstanceId{"i1"}).size() == 1);
    CHECK(disks.of_instance(InstanceId{"i1"})[0].cid == DiskCid{"orphan"});
    CHECK(disks.find(DiskCid{"old"})->state == DiskState::orphaned);
    CHECK_FALSE(disks.find(DiskCid{"orphan"})->orphaned_at);
  }
  disks.adopt(disk("unknown", "i1", DiskState::active), f.now);
  CHECK(disks.of_instance(InstanceId{"i1"})[0].cid == DiskCid{"unknown"});
  CHECK(disks.orphaned().size() == 2);

  CHECK_THROWS_AS(disks.adopt(disk("unknown", "i2", DiskState::active), f.now), Error);
  CHECK(disks.of_instance(InstanceId{"i1"}).size() == 1);
}

TEST_CASE("a disk with snapshots cannot be forgotten before they are") {
  StoreFixture f;
  Disks disks(f.db);
  Snapshots snapshots(f.db);
  disks.insert(disk("d1", "i1", DiskState::active));
  snapshots.insert({0, SnapshotCid{"s1"}, DiskCid{"d1"}, true, f.now});
  CHECK_THROWS_AS(snapshots.insert({0, SnapshotCid{"s1"}, DiskCid{"d1"}, true, f.now}), Error);
  CHECK(snapshots.of_deployment("web").size() == 1);
  CHECK(snapshots.find(SnapshotCid{"s1"})->clean);
  CHECK_THROWS_AS(disks.remove(DiskCid{"d1"}), Error);

  disks.set_state(DiskCid{"d1"}, DiskState::orphaned, f.now);
  CHECK(snapshots.of_deployment("web").empty());
  CHECK(snapshots.of_disk(DiskCid{"d1"}).size() == 1);
  snapshots.remove(SnapshotCid{"s1"});
  disks.remove(DiskCid{"d1"});
  CHECK_FALSE(disks.find(DiskCid{"d1"}));
}

TEST_CASE("an orphaned VM is no instance's any more and gives its addresses back when it goes") {
  StoreFixture f;
  Vms vms(f.db);
  IpAddresses ips(f.db);
  OrphanedVms orphans(f.db);
  VmRecord vm;
  vm.agent = AgentId{"a1"};
  vm.deployment = "web";
  vms.insert_creating(vm);
  ips.reserve({"10.0.0.2", "web", {}, vm.agent, "default", false}, f.now);
  const OrphanedVmRecord orphan{0, vm.agent, VmCid{"vm-1"}, "web", "app/i1", "z1", "", {"10.0.0.2"}, f.now};
  orphans.orphan(orphan);
  orphans.orphan(orphan);
  CHECK(vms.all().empty());
  REQUIRE(orphans.all().size() == 1);
  CHECK(orphans.find(VmCid{"vm-1"})->ip_addresses == std::vector<std::string>{"10.0.0.2"});
  orphans.remove(vm.agent);
  CHECK(orphans.all().empty());
  CHECK(ips.all().empty());
}

TEST_CASE("whether resurrection is paused outlives a restart") {
  StoreFixture f;
  CHECK_FALSE(DirectorAttributes(f.db).resurrection_paused());
  DirectorAttributes(f.db).set_resurrection_paused(true);
  CHECK(DirectorAttributes(f.db).resurrection_paused());
  DirectorAttributes(f.db).set_resurrection_paused(false);
  CHECK_FALSE(DirectorAttributes(f.db).resurrection_paused());
}
