#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "test/scenario/director/crash_course.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

// What simple_manifest() asks for.
struct Wanted {
  int instances = 2;
  std::string property = "one";
  int disk_mib = 1024;
  std::string stemcell = "1.0";
  std::size_t orphans = 0;
  int post_deploys = 1;  // of each instance, as its agent counts them
};

std::string manifest_of(const Wanted& wanted) {
  return simple_manifest(wanted.instances, wanted.property, wanted.disk_mib);
}

Findings missed_of(DirectorWorld& world, const Wanted& wanted) {
  Findings missed;
  const auto expect = [&](bool holds, const std::string& what) {
    if (!holds) missed.push_back(what);
  };
  expect(world.cloud.vms().size() == static_cast<std::size_t>(wanted.instances),
         "there are " + std::to_string(world.cloud.vms().size()) + " VMs");
  expect(world.stores.disks.orphaned().size() == wanted.orphans,
         "there are " + std::to_string(world.stores.disks.orphaned().size()) + " orphaned disks");
  const auto deployment = world.stores.deployments.find("dep");
  expect(deployment && deployment->manifest == manifest_of(wanted), "the manifest is not the deployed one");
  const auto names = world.database.run("SELECT id FROM dns_versions").rows;
  expect(names.size() == 1, std::to_string(names.size()) + " versions of names are kept");
  for (int i = 0; i < wanted.instances; ++i) {
    const auto instance = world.instance("server", i);
    const auto vm = world.vm("server", i);
    const auto name = "server/" + std::to_string(i);
    expect(instance.update_completed, name + " is still being updated");
    expect(world.agents.job_state(vm.agent) == "running", name + " does not run");
    expect(world.agents.spec(vm.agent) == instance.spec, name + " runs something else than recorded");
    expect(vm.stemcell.version == wanted.stemcell, name + " has stemcell " + vm.stemcell.version);
    const auto calls = world.agents.calls(vm.agent);
    expect(std::count(calls.begin(), calls.end(), "run_script:post-deploy") >= wanted.post_deploys,
           name + " was not told that the deploy is over");
    expect(vm.permanent_nats_certificate, name + " has a certificate that does not last");
    expect(world.agents.dns_version(vm.agent) == names.back().integer("id"), name + " does not know all names");
    const auto disks = world.stores.disks.of_instance(instance.id);
    const bool sized = disks.size() == 1 && disks[0].size_mib == wanted.disk_mib;
    expect(sized, name + " has not the disk it should have");
    expect(!sized || world.agents.mounted(vm.agent) == std::set<std::string>{disks[0].cid.value},
           name + " has not just its disk mounted");
    expect(!sized || world.agents.data_on(disks[0].cid.value) == instance.id.value, name + " lost its data");
  }
  return missed;
}

std::function<void(DirectorWorld&)> deployed(const Wanted& wanted) {
  return [wanted](DirectorWorld& world) { world.deploy(manifest_of(wanted)); };
}

std::function<Json(DirectorWorld&)> always(const Json& arguments) {
  return [arguments](DirectorWorld&) { return arguments; };
}

Scenario deploy(const Wanted& wanted, const Json& options = Json::object()) {
  return {.type = "create_deployment",
          .arguments = always({{"manifest", manifest_of(wanted)}, {"options", options}}),
          .missed = [wanted](DirectorWorld& world) { return missed_of(world, wanted); }};
}

Scenario change(const std::string& state, std::function<Findings(DirectorWorld&)> missed) {
  return {.type = "change_instances",
          .arguments = always({{"deployment", "dep"}, {"group", "server"}, {"state", state}}),
          .before = deployed({}),
          .missed = std::move(missed)};
}

Scenario after(const Wanted& before, Scenario scenario) {
  scenario.before = deployed(before);
  return scenario;
}

std::function<Findings(DirectorWorld&)> missed_unless(std::function<bool(DirectorWorld&)> reached) {
  return [reached](DirectorWorld& world) { return reached(world) ? Findings{} : Findings{"its purpose"}; };
}

void expect_none(const Findings& problems) {
  std::string text;
  for (const auto& problem : problems) text += problem + "\n";
  constexpr std::size_t enough = 4000;
  CHECK(text.substr(0, enough) == "");
}

void survives_deaths(const Scenario& scenario, int at_least) {
  Findings problems;
  const int deaths = CrashCourse(scenario).with_deaths(problems);
  MESSAGE(deaths << " deaths");
  CHECK(deaths >= at_least);
  expect_none(problems);
}

void is_fenced(const Scenario& scenario, int at_least) {
  Findings problems;
  const int sleepers = CrashCourse(scenario).with_sleepers(problems);
  MESSAGE(sleepers << " sleepers");
  CHECK(sleepers >= at_least);
  expect_none(problems);
}

}  // namespace

TEST_CASE("a first deploy survives its director's death at any moment") { survives_deaths(deploy({}), 250); }

TEST_CASE("a first deploy with everything in parallel survives its director's death at any moment") {
  auto scenario = deploy({.instances = 3});
  scenario.parallel = true;
  survives_deaths(scenario, 300);
}

TEST_CASE("an update in place survives its director's death at any moment") {
  survives_deaths(after({}, deploy({.property = "two", .post_deploys = 2})), 100);
}

TEST_CASE("a recreation that is asked for is done once, whenever its director dies") {
  survives_deaths(change("recreate",
                         [](DirectorWorld& world) {
                           auto missed = missed_of(world, {});
                           const auto made = world.cloud.vms_made();
                           if (made != 2) missed.push_back(std::to_string(made) + " VMs were made");
                           return missed;
                         }),
                  100);
}

TEST_CASE("a restart that is asked for survives its director's death at any moment") {
  survives_deaths(change("restart", [](DirectorWorld& world) { return missed_of(world, {.post_deploys = 2}); }), 100);
}

TEST_CASE("stopping hard survives its director's death at any moment") {
  survives_deaths(change("detached", missed_unless([](DirectorWorld& world) {
                           return world.cloud.vms().empty() && world.cloud.disks().size() == 2 &&
                                  world.stores.ips.all().size() == 2 && world.stores.disks.orphaned().empty();
                         })),
                  50);
}

TEST_CASE("a new stemcell under all VMs survives its director's death at any moment") {
  auto scenario = deploy({.stemcell = "1.1"});
  scenario.before = [](DirectorWorld& world) {
    deployed({})(world);
    world.add_stemcell("1.1");
  };
  survives_deaths(scenario, 200);
}

TEST_CASE("scaling down survives its director's death at any moment") {
  survives_deaths(after({.instances = 3}, deploy({.instances = 1, .orphans = 2})), 100);
}

TEST_CASE("scaling up survives its director's death at any moment") {
  survives_deaths(after({.instances = 1}, deploy({.instances = 3})), 100);
}

TEST_CASE("a bigger disk survives its director's death at any moment, and so does what is on it") {
  survives_deaths(after({}, deploy({.disk_mib = 2048, .orphans = 2, .post_deploys = 2})), 100);
}

TEST_CASE("a deployment goes with its disks, whenever its director dies") {
  survives_deaths({.type = "delete_deployment",
                   .arguments = always({{"name", "dep"}, {"delete_disks", true}}),
                   .before = deployed({}),
                   .missed = missed_unless([](DirectorWorld& world) { return world.nothing_left(); })},
                  50);
}

TEST_CASE("a deployment goes and its disks stay as orphans, whenever its director dies") {
  survives_deaths({.type = "delete_deployment",
                   .arguments = always({{"name", "dep"}}),
                   .before = deployed({}),
                   .missed = missed_unless([](DirectorWorld& world) {
                     return world.stores.deployments.all().empty() && world.cloud.vms().empty() &&
                            world.stores.disks.orphaned().size() == 2;
                   })},
                  50);
}

TEST_CASE("a director that wakes up after another has done its task does no harm") {
  SUBCASE("an update in place") { is_fenced(after({.instances = 1}, deploy({.instances = 1, .property = "two"})), 5); }
  SUBCASE("a bigger disk") {
    is_fenced(after({.instances = 1}, deploy({.instances = 1, .disk_mib = 2048, .orphans = 1})), 5);
  }
  SUBCASE("a recreation") {
    is_fenced(after({.instances = 1}, deploy({.instances = 1}, {{"recreate", true}})), 5);
  }
  SUBCASE("scaling down") { is_fenced(after({}, deploy({.instances = 1, .orphans = 1})), 5); }
}
