#include <doctest/doctest.h>

#include "test/scenario/director/crash_checks.hpp"

using namespace slipway;
using namespace slipway::test;

namespace crash_test {

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
  SUBCASE("a first deploy") { is_fenced(deploy({.instances = 1}), 10); }
  SUBCASE("an update in place") { is_fenced(after({.instances = 1}, deploy({.instances = 1, .property = "two"})), 5); }
  SUBCASE("a bigger disk") {
    is_fenced(after({.instances = 1}, deploy({.instances = 1, .disk_mib = 2048, .orphans = 1})), 5);
  }
  SUBCASE("a recreation") {
    is_fenced(after({.instances = 1}, deploy({.instances = 1}, {{"recreate", true}})), 5);
  }
  SUBCASE("scaling down") { is_fenced(after({}, deploy({.instances = 1, .orphans = 1})), 5); }
}

}  // namespace crash_test
