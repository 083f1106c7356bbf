#include <doctest/doctest.h>

#include <algorithm>

#include "director/executor/problems/problem_tasks.hpp"
#include "test/scenario/director/death.hpp"
#include "test/scenario/director/problem_steps.hpp"

// The repairs that a health monitor asks for.
namespace slipway::test::problems {

TEST_CASE("failing jobs are no problem of a cloud check, and are repaired as far as asked") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  const auto before = world.vm("server", 0);
  world.agents.fail_jobs(before.agent);
  CHECK(scan(world).empty());
  const auto repair = [&](const Json& resolutions) {
    world.run_body(director::scan_and_fix, {{"deployment", "dep"},
                                            {"jobs", {{"server", {before.instance.value}}}},
                                            {"resolutions", resolutions}});
  };
  repair({{"unresponsive_agent", "recreate_vm"}});  // as BOSH's monitor asks
  is_untouched(world, before);
  repair({{"unresponsive_agent", "reboot_vm"}, {"failing_jobs", "reboot_vm"}});
  is_rebooted(world, before);
  world.agents.fail_jobs(before.agent);
  repair({{"failing_jobs", "recreate_vm"}});
  is_made_anew(world, before);
  CHECK(said(world, "0 OK, 0 unresponsive, 0 missing, 0 unbound, 1 with failing jobs"));
  const auto after = world.vm("server", 0);
  repair({{"failing_jobs", "recreate_vm"}});
  is_untouched(world, after);
}

TEST_CASE("a full disk is repaired when that is asked for, as far as asked, and looked at once more before") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  const auto before = world.vm("server", 0);
  world.agents.fill_disk(before.agent, "ephemeral", 90);
  const auto repair = [&](const Json& resolutions, int percent) {
    world.run_body(director::scan_and_fix, {{"deployment", "dep"},
                                            {"jobs", {{"server", {before.instance.value}}}},
                                            {"resolutions", resolutions},
                                            {"full_disk_percent", percent}});
  };
  repair({{"unresponsive_agent", "recreate_vm"}}, 80);  // as BOSH's monitor may ask
  CHECK(world.vm("server", 0).agent == before.agent);
  repair({{"full_disk", "recreate_vm"}}, 91);
  CHECK(world.vm("server", 0).agent == before.agent);
  repair({{"full_disk", "recreate_vm"}}, 90);
  is_made_anew(world, before);

  const auto problems = [&] {
    world.agents.fill_disk(world.vm("server", 0).agent, "system", 99);
    return scan(world);
  }();
  REQUIRE(problems.size() == 1);
  const auto found = world.vm("server", 0);
  world.agents.fill_disk(found.agent, "system", 10);
  CHECK_THROWS_WITH_AS(resolve(world, all_by(world, "recreate_vm")), doctest::Contains("Disk has room again"), Error);
  CHECK(world.vm("server", 0).agent == found.agent);
}

TEST_CASE("scan and fix makes anew what is down and leaves alone what answers or is ignored") {
  DirectorWorld world;
  world.deploy(simple_manifest(4));
  std::vector<VmRecord> before;
  Json ids = Json::array();
  for (int i = 0; i < 4; ++i) {
    before.push_back(world.vm("server", i));
    ids.push_back(before.back().instance.value);
  }
  world.cloud.lose_vm(*world.vm("server", 0).cid);
  world.agents.silence(before[1].agent);
  world.agents.silence(before[2].agent);
  auto ignored = world.instance("server", 2);
  ignored.ignore = true;
  world.stores.instances.update(ignored);

  CHECK(scan_and_fix(world, {{"server", ids}}) == "scan and fix complete");
  for (const int i : {0, 1}) {
    CHECK(world.vm("server", i).agent != before[static_cast<std::size_t>(i)].agent);
    CHECK(runs(world, i));
  }
  CHECK(world.vm("server", 2).agent == before[2].agent);
  CHECK(world.vm("server", 3).agent == before[3].agent);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
  const auto calls = world.agents.calls(before[3].agent);
  CHECK(std::count(calls.begin(), calls.end(), "run_script:post-deploy") == 2);
}

TEST_CASE("scan and fix reboots what is silent when it is told to, and makes anew what is gone") {
  DirectorWorld world;
  world.deploy(simple_manifest(3));
  std::vector<VmRecord> before;
  Json ids = Json::array();
  for (int i = 0; i < 3; ++i) {
    before.push_back(world.vm("server", i));
    ids.push_back(before.back().instance.value);
  }
  world.agents.silence(before[0].agent);
  world.cloud.lose_vm(*before[1].cid);
  const Json request = {{"deployment", "dep"},
                        {"jobs", {{"server", ids}}},
                        {"resolutions", {{"unresponsive_agent", "reboot_vm"}}},
                        {"state_wait_ms", 500},
                        {"reboot_wait_seconds", 7}};
  world.run_body(director::scan_and_fix, request);
  CHECK(world.vm("server", 0).agent == before[0].agent);
  CHECK(world.cloud.find_vm(*before[0].cid)->reboots == 1);
  CHECK(world.vm("server", 1).agent != before[1].agent);
  CHECK(world.vm("server", 2).agent == before[2].agent);
  for (int i = 0; i < 3; ++i) CHECK(runs(world, i));
  CHECK(world.inconsistencies() == std::vector<std::string>{});
  SUBCASE("and when the reboot does not help, it says so and leaves the VM to the next request") {
    world.agents.deafen(before[0].agent);
    const auto begun = world.clock.monotonic();
    CHECK_THROWS_WITH_AS(world.run_body(director::scan_and_fix, request), doctest::Contains("after reboot"), Error);
    CHECK(world.clock.monotonic() - begun < std::chrono::seconds{20});  // not the ten minutes of a new VM
    CHECK(world.vm("server", 0).agent == before[0].agent);
    world.run_body(director::scan_and_fix, {{"deployment", "dep"}, {"jobs", {{"server", ids}}}});
    CHECK(world.vm("server", 0).agent != before[0].agent);
    CHECK(runs(world, 0));
  }
}

TEST_CASE("a silent VM that holds its disk fast is replaced all the same, with its disk") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  const auto before = world.vm("server", 0);
  const auto disk = disk_of(world, 0);
  silence(world);
  world.cpi.fail_next("detach_disk", cpi::CallFault::error_before);
  scan_and_fix(world, {{"server", {before.instance.value}}});
  CHECK_FALSE(world.cloud.find_vm(*before.cid));
  CHECK(world.vm("server", 0).agent != before.agent);
  CHECK(disk_of(world, 0) == disk);
  CHECK(world.cloud.find_disk(disk)->attached_to == world.vm("server", 0).cid);
  CHECK(runs(world, 0));
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a scan and fix that dies at any message finishes after the restart") {
  int strikes = 0;
  for (int at = 1;; ++at) {
    CAPTURE(at);
    DirectorWorld world;
    world.deploy(simple_manifest(2));
    const auto before = world.vm("server", 0);
    silence(world);
    const DeathAtMessage death(world, at);
    const Json jobs = {{"server", {"0", "1"}}};
    try {
      scan_and_fix(world, jobs, 7);
    } catch (const Error&) {
    }
    if (!death.struck()) break;
    ++strikes;
    world.agents.before = {};
    CHECK(scan_and_fix(world, jobs, 7) == "scan and fix complete");
    is_made_anew(world, before);
    CHECK(world.cloud.vms().size() == 2);
    REQUIRE(world.inconsistencies() == std::vector<std::string>{});
  }
  CHECK(strikes > 10);
}

}  // namespace slipway::test::problems
