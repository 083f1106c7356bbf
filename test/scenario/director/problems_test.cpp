#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>

#include "test/scenario/director/death.hpp"
#include "test/scenario/director/problem_steps.hpp"

namespace slipway::test::problems {

using director::DiskState;

namespace {

// What can befall server/0.
void lose_vm(DirectorWorld& world) { world.cloud.lose_vm(*world.vm("server", 0).cid); }
void fill_disk(DirectorWorld& world) { world.agents.fill_disk(world.vm("server", 0).agent, "ephemeral", 99); }
void lose_disk(DirectorWorld& world) { world.cloud.lose_disk(disk_of(world, 0)); }
void unmount(DirectorWorld& world) {
  const auto vm = world.vm("server", 0);
  world.agents.drop_mount(vm.agent, disk_of(world, 0).value);
  world.cloud.detach_disk(*vm.cid, disk_of(world, 0));
}
void forget_that_disk_is_active(DirectorWorld& world) {
  world.stores.disks.set_state(disk_of(world, 0), DiskState::inactive, world.clock.now());
}
void leave_second_disk(DirectorWorld& world) {
  auto disk = *world.stores.disks.find(disk_of(world, 0));
  disk.cid = world.cloud.create_disk(10, Json::object(), std::nullopt);
  disk.state = DiskState::inactive;
  world.stores.disks.insert(disk);
}

// What shall have become of it.
void is_made_anew_and_not_waited_for(DirectorWorld& world, const VmRecord& before) {
  is_made_anew(world, before);
  const auto calls = world.agents.calls(world.vm("server", 0).agent);
  CHECK(std::count(calls.begin(), calls.end(), "run_script:pre-start") >= 1);
  CHECK(std::count(calls.begin(), calls.end(), "run_script:post-start") == 0);
}
void has_no_vm(DirectorWorld& world, const VmRecord& before) {
  CHECK_FALSE(world.stores.vms.active_of(before.instance));
  CHECK_FALSE(world.cloud.find_vm(*before.cid));
  CHECK(world.stores.orphaned_vms.all().empty());
}
void has_an_orphaned_vm(DirectorWorld& world, const VmRecord& before) {
  CHECK_FALSE(world.stores.vms.active_of(before.instance));
  REQUIRE(world.stores.orphaned_vms.all().size() == 1);
  CHECK(world.stores.orphaned_vms.all()[0].cid == *before.cid);
  CHECK(world.stores.orphaned_vms.all()[0].ip_addresses.size() == 1);
  CHECK_FALSE(world.access.allowed().contains(before.agent));
  CHECK(world.cloud.disks_of(*before.cid).empty());
}
void has_its_disk_back(DirectorWorld& world, const VmRecord& before) {
  is_untouched(world, before);
  CHECK(world.agents.mounted(before.agent) == std::set<std::string>{disk_of(world, 0).value});
  CHECK(world.cloud.find_disk(disk_of(world, 0))->attached_to == before.cid);
}
void has_its_disk_back_after_a_reboot(DirectorWorld& world, const VmRecord& before) {
  has_its_disk_back(world, before);
  CHECK(world.cloud.find_vm(*before.cid)->reboots >= 1);
}
void has_lost_its_disk(DirectorWorld& world, const VmRecord& before) {
  is_untouched(world, before);
  CHECK(world.stores.disks.of_instance(before.instance).empty());
  CHECK(world.stores.disks.orphaned().size() == 1);
  CHECK(world.agents.mounted(before.agent).empty());
  CHECK_FALSE(world.instance("server", 0).update_completed);
}
void has_one_active_disk(DirectorWorld& world, const VmRecord& before) {
  is_untouched(world, before);
  const auto disks = world.stores.disks.of_instance(before.instance);
  REQUIRE(disks.size() == 1);
  CHECK(disks[0].state == DiskState::active);
  CHECK(runs(world, 0));
}
void has_given_up_its_second_disk(DirectorWorld& world, const VmRecord& before) {
  has_one_active_disk(world, before);
  CHECK(world.stores.disks.orphaned().size() == 1);
}

struct Case {
  void (*harm)(DirectorWorld&);
  ProblemType type;
  Json resolution;
  void (*expect)(DirectorWorld&, const VmRecord& before);
  bool stays = false;  // the next scan finds it again
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {lose_vm, ProblemType::missing_vm, "ignore", is_untouched, true},
      {lose_vm, ProblemType::missing_vm, nullptr, is_made_anew_and_not_waited_for},
      {lose_vm, ProblemType::missing_vm, "recreate_vm_without_wait", is_made_anew_and_not_waited_for},
      {lose_vm, ProblemType::missing_vm, "recreate_vm", is_made_anew},
      {lose_vm, ProblemType::missing_vm, "delete_vm_reference", has_no_vm, true},
      {silence, ProblemType::unresponsive_agent, nullptr, is_untouched, true},
      {silence, ProblemType::unresponsive_agent, "reboot_vm", is_rebooted},
      {silence, ProblemType::unresponsive_agent, "recreate_vm_without_wait", is_made_anew_and_not_waited_for},
      {silence, ProblemType::unresponsive_agent, "recreate_vm", is_made_anew},
      {silence, ProblemType::unresponsive_agent, "delete_vm", has_no_vm, true},
      {silence, ProblemType::unresponsive_agent, "delete_vm_reference", has_an_orphaned_vm, true},
      {fill_disk, ProblemType::full_disk, nullptr, is_untouched, true},
      {fill_disk, ProblemType::full_disk, "recreate_vm_without_wait", is_made_anew_and_not_waited_for},
      {fill_disk, ProblemType::full_disk, "recreate_vm", is_made_anew},
      {lose_disk, ProblemType::missing_disk, nullptr, is_untouched, true},
      {lose_disk, ProblemType::missing_disk, "delete_disk_reference", has_lost_its_disk},
      {leave_second_disk, ProblemType::inactive_disk, nullptr, is_untouched, true},
      {leave_second_disk, ProblemType::inactive_disk, "delete_disk", has_given_up_its_second_disk},
      {forget_that_disk_is_active, ProblemType::inactive_disk, "activate_disk", has_one_active_disk},
      {unmount, ProblemType::mount_info_mismatch, nullptr, is_untouched, true},
      {unmount, ProblemType::mount_info_mismatch, "reattach_disk", has_its_disk_back},
      {unmount, ProblemType::mount_info_mismatch, "reattach_disk_and_reboot", has_its_disk_back_after_a_reboot},
  };
  return all;
}

// What is wrong beyond the harm that was done, where that stays, in words. A lost disk stays lost: its
// row is an orphan's then.
std::string unexpected(DirectorWorld& world, const Case& one, const std::vector<std::string>& harmed) {
  std::string text;
  for (const auto& line : world.inconsistencies()) {
    const bool was_there = std::find(harmed.begin(), harmed.end(), line) != harmed.end();
    const bool stays = one.stays || one.harm == lose_disk;
    if (!stays || !was_there) text += line + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("a healthy deployment has no problems") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  CHECK(scan(world).empty());
  CHECK(said(world, "2 OK, 0 unresponsive, 0 missing, 0 unbound"));
  CHECK(said(world, "2 OK, 0 missing, 0 inactive, 0 mount-info mismatch"));
}

TEST_CASE("a full disk is a problem only where a new VM would help, and of an agent that is to be believed") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  const auto agent = world.vm("server", 0).agent;
  world.agents.fill_disk(agent, "ephemeral", 96);
  world.agents.fill_disk(agent, "system", 100, false);
  world.agents.fill_disk(agent, "persistent", 100);
  CHECK(scan(world).empty());
  world.agents.fill_disk(agent, "ephemeral", 97);
  const auto found = scan(world);
  REQUIRE(found.size() == 1);
  CHECK(found[0].type == ProblemType::full_disk);
  CHECK(found[0].description.find("its ephemeral disk is 97 % full") != std::string::npos);
  CHECK(said(world, "1 OK, 0 unresponsive, 0 missing, 0 unbound, 1 with a full disk"));
}

TEST_CASE("each resolution of each problem does what it says and nothing else") {
  for (const auto& one : cases()) {
    const auto name = to_string(one.type) + " by " + one.resolution.dump();
    CAPTURE(name);
    DirectorWorld world;
    world.deploy(simple_manifest(2));
    const auto before = world.vm("server", 0);
    const auto other = world.vm("server", 1);
    one.harm(world);
    const auto harmed = world.inconsistencies();
    const auto found = scan(world);
    REQUIRE(found.size() == 1);
    CHECK(found[0].type == one.type);
    CHECK(found[0].group == "server");

    CHECK(resolve(world, all_by(world, one.resolution)) == "1 resolved");
    one.expect(world, before);
    CHECK(world.vm("server", 1).agent == other.agent);
    CHECK(unexpected(world, one, harmed) == "");
    CHECK(world.stores.problems.open("dep").empty());
    CHECK(scan(world).empty() == !one.stays);
  }
}

TEST_CASE("a repair is told as events of the problem and of what was made and deleted for it") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  silence(world);
  const auto old_cid = world.vm("server", 0).cid->value;
  scan(world);
  const auto first = world.stores.events.list({}).at(0).id;
  resolve(world, all_by(world, "recreate_vm"));
  std::vector<std::string> told;
  for (const auto& event : world.stores.events.list({})) {
    if (event.id <= first || event.parent) continue;
    CHECK(event.user == "operator");
    CHECK(event.deployment == "dep");
    CHECK(event.instance.starts_with("server/"));
    told.push_back(event.action + " " + event.object_type);
  }
  CHECK(told == std::vector<std::string>{"create vm", "delete vm", "bundle repair", "recreate_vm problem"});
  director::EventFilter deleted;
  deleted.object_name = old_cid;
  CHECK(world.stores.events.list(deleted).size() == 3);  // the end of its making, begin and end of its deletion
}

TEST_CASE("what was repaired by itself meanwhile is left alone and reported, and the rest is resolved") {
  DirectorWorld world;
  world.deploy(simple_manifest(3));
  silence(world);
  world.cloud.lose_vm(*world.vm("server", 1).cid);
  REQUIRE(scan(world).size() == 2);
  const auto before = world.vm("server", 0);
  world.agents.revive(before.agent);
  CHECK_THROWS_WITH_AS(resolve(world, all_by(world, "recreate_vm")),
                       doctest::Contains("Agent is responding now, skipping resolution"), Error);
  CHECK(world.vm("server", 0).agent == before.agent);
  CHECK(runs(world, 1));
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a resolution that fails is reported with its problem and keeps no other from being done") {
  DirectorWorld world;
  world.deploy(simple_manifest(3));
  for (int i = 0; i < 2; ++i) world.cloud.lose_vm(*world.vm("server", i).cid);
  const auto found = scan(world);
  REQUIRE(found.size() == 2);
  world.agents.fail_next("apply", "no space left");
  const auto failed = "Error resolving problem '" + std::to_string(found[0].id) + "'";
  CHECK_THROWS_WITH_AS(resolve(world, all_by(world, "recreate_vm")), doctest::Contains(failed.c_str()), Error);
  CHECK(runs(world, 1));
  REQUIRE(world.stores.problems.open("dep").size() == 1);
  CHECK(world.stores.problems.open("dep")[0].id == found[0].id);
  world.deploy(simple_manifest(3), {.fix = true});
  CHECK(runs(world, 0));
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a VM that stays silent after its reboot is reported as such") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  world.agents.deafen(world.vm("server", 0).agent);
  scan(world);
  CHECK_THROWS_WITH_AS(resolve(world, all_by(world, "reboot_vm")),
                       doctest::Contains("Agent still unresponsive after reboot"), Error);
  CHECK(scan(world).size() == 1);
}

TEST_CASE("an instance without the disk it shall have is not brought up by a repair but by a deploy") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  lose_disk(world);
  lose_vm(world);
  Json choices = Json::object();
  for (const auto& problem : scan(world))
    choices[std::to_string(problem.id)] =
        problem.type == ProblemType::missing_disk ? "delete_disk_reference" : "recreate_vm";
  REQUIRE(choices.size() == 2);
  CHECK_THROWS_WITH_AS(resolve(world, choices), doctest::Contains("no persistent disk any more"), Error);
  world.deploy(simple_manifest(1), {.fix = true});
  CHECK(runs(world, 0));
  CHECK(world.stores.disks.orphaned().size() == 1);
}

TEST_CASE("a repaired instance becomes what it was, whatever the configs say by now") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  const auto before = world.vm("server", 0);
  const auto spec = world.instance("server", 0).spec;
  world.set_cloud_config("azs: []\nnetworks: []\n");
  lose_vm(world);
  scan(world);
  resolve(world, all_by(world, "recreate_vm"));
  const auto after = world.vm("server", 0);
  CHECK(after.agent != before.agent);
  CHECK(after.cloud_properties == before.cloud_properties);
  CHECK(after.networks == before.networks);
  CHECK(after.stemcell.version == before.stemcell.version);
  CHECK(world.instance("server", 0).spec == spec);
  CHECK(*world.agents.spec(after.agent) == spec);
}

TEST_CASE("after a repair the same manifest changes nothing") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  lose_vm(world);
  scan(world);
  resolve(world, all_by(world, "recreate_vm"));
  const auto calls = world.cpi.calls();
  const auto agent = world.vm("server", 0).agent;
  const auto sent = world.agents.calls(agent);
  const auto count = std::count(sent.begin(), sent.end(), "apply");
  world.deploy(simple_manifest(2));
  CHECK(world.cpi.calls() == calls);
  const auto now = world.agents.calls(agent);
  CHECK(std::count(now.begin(), now.end(), "apply") == count);
}

TEST_CASE("a stopped instance gets its VM back and stays stopped") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  world.deploy(simple_manifest(1), {.set_state = director::InstanceState::stopped});
  lose_vm(world);
  scan(world);
  resolve(world, all_by(world, "recreate_vm"));
  CHECK_FALSE(runs(world, 0));
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("ignored instances and those that shall have no VM are not scanned") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  auto ignored = world.instance("server", 0);
  ignored.ignore = true;
  world.stores.instances.update(ignored);
  lose_vm(world);
  lose_disk(world);
  world.deploy(simple_manifest(2), {.only_group = "server",
                                    .only_instance = "1",
                                    .set_state = director::InstanceState::detached});
  CHECK(scan(world).empty());
  CHECK(said(world, "0 OK, 0 unresponsive, 0 missing, 0 unbound, 1 ignored"));
}

TEST_CASE("as many instances of a group are repaired at once as its max_in_flight allows") {
  bool all_at_once = false;
  SUBCASE("the manifest's") {}
  SUBCASE("that of the request") { all_at_once = true; }
  DirectorWorld world;
  world.deploy(simple_manifest(3));
  for (int i = 0; i < 3; ++i) world.cloud.lose_vm(*world.vm("server", i).cid);
  scan(world);
  std::mutex mutex;
  std::condition_variable together;
  std::set<AgentId> starting;
  int most = 0;
  world.agents.before = [&](const AgentId& agent, const std::string& method) {
    if (method != "start") return;
    std::unique_lock lock(mutex);
    starting.insert(agent);
    most = std::max(most, static_cast<int>(starting.size()));
    together.notify_all();
    if (all_at_once) together.wait_for(lock, std::chrono::seconds{20}, [&] { return most == 3; });
    starting.erase(agent);
  };
  resolve(world, all_by(world, "recreate_vm"), 0, all_at_once ? Json({{"server", "100%"}}) : Json::object());
  CHECK(most == (all_at_once ? 3 : 1));
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a scan does not wait for whoever works on the deployment") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  const auto held = world.locks.acquire("lock:deployment:dep", 5, std::chrono::seconds{0});
  CHECK_THROWS_AS(scan(world), Error);
  CHECK_THROWS_AS(scan_and_fix(world, {{"server", {"0"}}}), Error);
}

// Every message to an agent is a point at which the director can die; it is the same task that goes on
// after the restart.
TEST_CASE("a director that dies in the middle of a resolution finishes it after its restart") {
  int strikes = 0;
  for (const auto& one : cases()) {
    if (one.stays && one.expect == is_untouched) continue;
    for (int at = 1;; ++at) {
      const auto name = to_string(one.type) + " by " + one.resolution.dump();
      CAPTURE(name);
      CAPTURE(at);
      DirectorWorld world;
      world.deploy(simple_manifest(2));
      const auto before = world.vm("server", 0);
      one.harm(world);
      const auto harmed = world.inconsistencies();
      scan(world);
      const auto choices = all_by(world, one.resolution);
      const DeathAtMessage death(world, at);
      try {
        resolve(world, choices, 7);
      } catch (const Error&) {
      }
      if (!death.struck()) break;
      ++strikes;
      world.agents.before = {};
      CHECK(resolve(world, choices, 7) == "1 resolved");
      one.expect(world, before);
      REQUIRE(unexpected(world, one, harmed) == "");
      CHECK(world.cloud.vms().size() <= 2);
    }
  }
  CHECK(strikes > 40);
}

TEST_CASE("whatever single answer of the cloud is lost, another cloud check brings the instance back") {
  for (const std::string method : {"create_vm", "delete_vm", "attach_disk", "detach_disk", "set_vm_metadata"}) {
    for (const auto fault :
         {cpi::CallFault::error_after, cpi::CallFault::unknown_before, cpi::CallFault::unknown_after}) {
      CAPTURE(method);
      CAPTURE(static_cast<int>(fault));
      DirectorWorld world;
      world.deploy(simple_manifest(2));
      silence(world);
      world.cpi.fail_next(method, fault);
      for (int left = 3; left > 0 && !scan(world).empty(); --left) {
        Json choices = Json::object();
        for (const auto& problem : world.stores.problems.open("dep"))
          choices[std::to_string(problem.id)] = problem.disk.value.empty() ? "recreate_vm" : "reattach_disk";
        try {
          resolve(world, choices);
        } catch (const Error&) {
        }
      }
      REQUIRE(scan(world).empty());
      world.deploy(simple_manifest(2), {.fix = true});
      CHECK(runs(world, 0));
      CHECK(world.cloud.vms().size() == 2);
      REQUIRE(world.inconsistencies() == std::vector<std::string>{});
    }
  }
}

}  // namespace slipway::test::problems
