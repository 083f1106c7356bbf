#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "test/bosh-cli/bosh_lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace life_4_repair_test {

namespace {

Row server(BoshLab& lab, std::size_t index) { return instances_of(lab, "server").at(index); }

}  // namespace

TEST_CASE("a cloud check of a healthy deployment finds nothing") {
  CHECK(BoshLab::get().must_life({"cck", "--report"}).rows().empty());
}

TEST_CASE("a cloud check reports a silent VM and does what it was told") {
  auto& lab = BoshLab::get();
  const auto lost = instances_of(lab, "client").at(0).at("vm_cid");
  lab.switch_off(lost);
  const auto report = lab.life_fails({"cck", "--report"});
  CHECK(report.says("1 problem(s) found"));
  REQUIRE(report.rows().size() == 1);
  CHECK(report.rows().at(0).at("description").find("client/") != std::string::npos);
  lab.must_life({"cck", "--resolution", "ignore"});
  CHECK(instances_of(lab, "client").at(0).at("vm_cid") == lost);
  lab.must_life({"cck", "--resolution", "recreate_vm"});
  CHECK(instances_of(lab, "client").at(0).at("vm_cid") != lost);
  CHECK(lab.must_life({"cck", "--report"}).rows().empty());
}

TEST_CASE("a VM deleted by hand is missed, and made anew by default") {
  auto& lab = BoshLab::get();
  const auto before = server(lab, 0);
  lab.must_life({"delete-vm", before.at("vm_cid")});
  CHECK(server(lab, 0).at("vm_cid").empty());
  CHECK(lab.life_fails({"cck", "--report"}).rows().at(0).at("type") == "missing_vm");
  lab.must_life({"cck", "--auto"});
  const auto after = server(lab, 0);
  CHECK(after.at("process_state") == "running");
  CHECK(after.at("vm_cid") != before.at("vm_cid"));
  CHECK(after.at("disk_cids") == before.at("disk_cids"));
  CHECK(lab.must_bosh({"orphaned-vms"}).rows().empty());
}

TEST_CASE("an orphaned disk is attached to an instance without a VM, whose own becomes an orphan") {
  auto& lab = BoshLab::get();
  const auto orphan = lab.must_bosh({"disks", "--orphaned"}).rows_with("deployment", "life").at(0).at("disk_cid");
  const auto before = server(lab, 1);
  lab.life_fails({"attach-disk", before.at("instance"), orphan});  // it is running
  lab.must_life({"stop", before.at("instance"), "--hard"});
  CHECK(server(lab, 1).at("state") == "detached");
  CHECK(server(lab, 1).at("vm_cid").empty());
  lab.must_life({"attach-disk", before.at("instance"), orphan});
  lab.must_life({"start", before.at("instance")});
  const auto after = server(lab, 1);
  CHECK(after.at("disk_cids") == orphan);
  CHECK(after.at("process_state") == "running");
  CHECK(lab.file_on_node(after.at("vm_cid"), "/var/vcap/store/scripts").find("pre-start") != std::string::npos);

  CHECK(column(lab.must_bosh({"disks", "--orphaned"}).rows(), "disk_cid") ==
        std::vector<std::string>{before.at("disk_cids")});
  lab.must_bosh({"delete-disk", before.at("disk_cids")});
  CHECK(lab.must_bosh({"disks", "--orphaned"}).rows().empty());
}

TEST_CASE("without snapshots enabled there are none, and asking for them is no error") {
  auto& lab = BoshLab::get();
  CHECK(lab.must_life({"snapshots"}).rows().empty());
  lab.must_life({"delete-snapshots"});
}

TEST_CASE("a task is seen with its lock while it runs, and ends where it was cancelled") {
  auto& lab = BoshLab::get();
  Said said;
  std::thread recreate([&] { said = lab.life({"recreate", "server"}); });
  std::string id, holder;
  bool locked = false;
  for (int look = 0; look < 100 && (id.empty() || !locked); ++look) {
    const auto running = lab.bosh({"tasks"});
    if (running.exit_code == 0 && !running.rows().empty()) id = running.rows().at(0).at("id");
    const auto locks = lab.bosh({"locks"});
    if (locks.exit_code == 0 && !locks.rows().empty()) {
      locked = true;
      CHECK(locks.rows().at(0).at("type") == "deployment");
      CHECK(locks.rows().at(0).at("resource") == "life");
      holder = locks.rows().at(0).at("task_id");
    }
  }
  const auto cancelled = id.empty() ? Said{} : lab.bosh({"cancel-task", id});
  recreate.join();
  REQUIRE(locked);
  CHECK(holder == id);
  INFO(cancelled.raw << said.raw);
  CHECK(cancelled.exit_code == 0);
  CHECK(said.exit_code == 1);
  CHECK(said.says("state is 'cancelled'"));
  CHECK(lab.must_bosh({"locks"}).rows().empty());
  lab.must_life({"recreate", "server", "--fix"});  // goes on from wherever it was
}

}  // namespace life_4_repair_test
