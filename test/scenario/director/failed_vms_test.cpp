#include <doctest/doctest.h>

#include <algorithm>

#include "base/archive.hpp"
#include "director/executor/care/care_tasks.hpp"
#include "director/executor/problems/problem_tasks.hpp"
#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace std::chrono_literals;
using director::BlobId;

namespace {

std::string repair(DirectorWorld& world, const std::string& by = "recreate_vm") {
  return world.run_body(director::scan_and_fix, {{"deployment", "dep"},
                                                 {"jobs", {{"server", {world.instance("server", 0).id.value}}}},
                                                 {"resolutions", {{"unresponsive_agent", by}, {"missing_vm", by}}}});
}

std::map<std::string, std::string> unpacked(DirectorWorld& world, const BlobId& blob) {
  std::map<std::string, std::string> files;
  ArchiveReader reader(world.blobs.path(blob));
  for (ArchiveEntry entry; reader.next(entry);) files[entry.name] = reader.read_all(1 << 20);
  return files;
}

std::vector<director::EventRecord> events_of(DirectorWorld& world, const std::string& action) {
  auto found = world.stores.events.list({});
  std::erase_if(found, [&](const auto& event) { return event.action != action || event.parent; });
  return found;
}

bool told(const DirectorWorld& world, const std::string& text) {
  return std::any_of(world.events.begin(), world.events.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

// A silent VM of server/0 in a deployment of one.
director::VmRecord fail(DirectorWorld& world) {
  const auto vm = world.vm("server", 0);
  world.agents.silence(vm.agent);
  return vm;
}

}  // namespace

TEST_CASE("what the cloud reads of a failed VM is kept as a blob that task and event name, and a client may fetch") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  const auto before = fail(world);
  for (const auto* by : {"recreate_vm", "delete_vm"}) {
    CAPTURE(by);
    const auto failed = fail(world);
    repair(world, by);
    const auto bundle = world.stores.temporary_blobs.bundles_of("dep").at(0);
    CHECK(world.stores.temporary_blobs.deployment_of(bundle) == "dep");
    const auto files = unpacked(world, bundle);
    const auto about = parse_json(files.at("about.json"), "about.json");
    CHECK(about["vm_cid"] == failed.cid->value);
    CHECK(about["instance"] == "server/" + failed.instance.value);
    CHECK(about["missing"].contains("what its agent packs"));
    auto host = ArchiveReader::from_memory(files.at("host.tgz"));
    ArchiveEntry entry;
    REQUIRE(host.next(entry));
    CHECK(host.read_all(1000).starts_with("console of " + failed.cid->value));
    CHECK(told(world, "/resources/" + bundle.value));
    const auto event = events_of(world, "bundle").at(0);
    CHECK(event.object_type == "repair");
    CHECK(event.object_name == bundle.value);
    CHECK(event.instance == "server/" + failed.instance.value);
    CHECK(event.error.empty());
    world.clock.advance(1s);
  }
  CHECK(world.stores.temporary_blobs.bundles_of("dep").size() == 2);
  CHECK(world.leaked_blobs().empty());
}

TEST_CASE("an agent that hangs and still answers packs its logs itself") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  const auto failed = world.vm("server", 0);
  world.agents.before = [&](const cpi::AgentId& agent, const std::string& method) {
    if (agent == failed.agent && method == "get_state") throw Error(Fault::retryable, "it hangs");
  };
  repair(world);
  const auto files = unpacked(world, world.stores.temporary_blobs.bundles_of("dep").at(0));
  CHECK(files.at("agent.tgz") == "agent,job,system logs of " + failed.agent.value);
  CHECK_FALSE(files.contains("host.tgz"));
  CHECK(world.blobs.list().size() > 0);
  CHECK(world.leaked_blobs().empty());
  CHECK(world.vm("server", 0).agent != failed.agent);
}

TEST_CASE("a bundle that cannot be had keeps no VM from being replaced, and the event says why") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  const auto before = fail(world);
  std::string why;
  SUBCASE("the CPI has no such method") {
    world.cpi.fail_next("get_vm_logs", cpi::CallFault::unsupported);
    why = "this cloud has no get_vm_logs";
  }
  SUBCASE("the cloud fails") {
    world.cpi.fail_next("get_vm_logs", cpi::CallFault::unknown_before);
    why = "never answered";
  }
  SUBCASE("the VM is gone") {
    world.cloud.lose_vm(*before.cid);
    why = "does not exist";
  }
  SUBCASE("it is too big") {
    world.services.settings.failed_vms.bundle_bytes = 20;
    why = "bytes are too much";
  }
  repair(world);
  CHECK(world.vm("server", 0).agent != before.agent);
  CHECK(world.agents.job_state(world.vm("server", 0).agent) == "running");
  CHECK(world.stores.temporary_blobs.bundles_of("dep").empty());
  CHECK(events_of(world, "bundle").at(0).error.find(why) != std::string::npos);
  CHECK(world.inconsistencies().empty());
  CHECK(world.leaked_blobs().empty());
}

TEST_CASE("a deployment keeps its newest bundles, and none longer than their time") {
  DirectorWorld world;
  world.services.settings.failed_vms.bundles_per_deployment = 2;
  world.deploy(simple_manifest(1));
  std::vector<BlobId> made;
  for (int i = 0; i < 3; ++i) {
    fail(world);
    repair(world);
    made.push_back(world.stores.temporary_blobs.bundles_of("dep").at(0));
    world.clock.advance(1h);
  }
  CHECK(world.stores.temporary_blobs.bundles_of("dep") == std::vector{made[2], made[1]});
  CHECK_FALSE(world.blobs.exists(made[0]));
  const auto care = director::recurring_care(world.services);
  const auto scheduled = std::find_if(care.begin(), care.end(), [](const auto& task) {
    return task.type == "scheduled_temporary_blob_cleanup";
  });
  REQUIRE(scheduled != care.end());
  CHECK_FALSE(scheduled->has_work());
  world.clock.advance(24h * 7);
  CHECK(scheduled->has_work());
  CHECK(world.run_body(director::clean_up_temporary_blobs, Json::object()) == "Deleted 2 temporary blob(s)");
  CHECK_FALSE(world.blobs.exists(made[2]));
  CHECK_FALSE(scheduled->has_work());
}

TEST_CASE("a failed VM is held, off and without its disk and address, until its time is over") {
  DirectorWorld world;
  world.services.settings.failed_vms.hold = 24h;
  world.deploy(simple_manifest(1));
  const auto failed = fail(world);
  repair(world);
  const auto now = world.vm("server", 0);
  CHECK(now.agent != failed.agent);
  CHECK(now.networks == failed.networks);
  CHECK(world.agents.job_state(now.agent) == "running");
  CHECK(world.cloud.find_vm(*failed.cid)->off);
  CHECK(world.cloud.disks_of(*failed.cid).empty());
  const auto held = world.stores.orphaned_vms.all();
  REQUIRE(held.size() == 1);
  CHECK(held[0].cid == *failed.cid);
  CHECK(held[0].kept_until.value() == held[0].orphaned_at + 24h);
  CHECK_FALSE(world.access.is_allowed(failed.agent));
  CHECK(world.inconsistencies().empty());
  CHECK(events_of(world, "hold").size() == 1);

  const auto deletes = [&] { return world.run_body(director::clean_up_orphaned_vms, Json::object()); };
  CHECK(deletes() == "Deleted 0 orphaned VM(s), 0 remain");
  world.clock.advance(24h);
  CHECK(deletes() == "Deleted 1 orphaned VM(s), 0 remain");
  CHECK(world.cloud.vms().size() == 1);
  CHECK(world.inconsistencies().empty());
}

TEST_CASE("a VM that cannot be held is deleted, and the event says why") {
  DirectorWorld world;
  world.services.settings.failed_vms.hold = 24h;
  world.deploy(simple_manifest(1));
  const auto failed = fail(world);
  std::string why;
  std::size_t left = 1;
  SUBCASE("the CPI has no such method") {
    world.cpi.fail_next("power_off_vm", cpi::CallFault::unsupported);
    why = "this cloud has no power_off_vm";
  }
  SUBCASE("its disk is not to be had") {
    world.cpi.fail_next("detach_disk", cpi::CallFault::error_before);
    why = "detach_disk failed";
  }
  SUBCASE("enough are held") {
    world.services.settings.failed_vms.held_per_deployment = 1;
    repair(world);
    fail(world);
    world.clock.advance(1s);
    why = "1 VMs of the deployment are held already";
    left = 2;
  }
  repair(world);
  CHECK(world.agents.job_state(world.vm("server", 0).agent) == "running");
  CHECK(world.cloud.vms().size() == left);
  CHECK(world.stores.orphaned_vms.all().size() == left - 1);
  const auto ended = world.stores.events.list({.action = "hold", .limit = 1});
  CHECK(ended.at(0).error.find(why) != std::string::npos);
  CHECK(world.inconsistencies().empty());
}

TEST_CASE("a deployment that goes takes the VMs held of it along") {
  DirectorWorld world;
  world.services.settings.failed_vms.hold = 24h;
  world.deploy(simple_manifest(1));
  fail(world);
  repair(world);
  world.remove("dep", true);
  CHECK(world.cloud.vms().empty());
  CHECK(world.nothing_left());
}
