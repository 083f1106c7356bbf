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

TEST_CASE("a first deploy whose names are made of numbers survives its director's death at any moment") {
  survives_deaths(deploy({.instances = 1, .short_names = true}), 100);
}

TEST_CASE("named disks are made once, whenever the director dies") {
  survives_deaths(deploy({.instances = 1, .named = {{"data", "small"}, {"log", "large"}}}), 150);
}

TEST_CASE("a named disk that becomes another, one that goes and one that comes survive a death at any moment") {
  survives_deaths(after({.instances = 1, .named = {{"data", "small"}, {"keep", "small"}, {"old", "small"}}},
                        deploy({.instances = 1,
                                .orphans = 2,
                                .post_deploys = 2,
                                .named = {{"data", "large"}, {"keep", "small"}, {"new", "small"}}})),
                  100);
}

TEST_CASE("named disks in the place of the one disk, and back, survive a death at any moment") {
  const NamedDisks named = {{"data", "small"}};
  const Wanted mounted{.instances = 1};
  SUBCASE("there") {
    survives_deaths(after(mounted, deploy({.instances = 1, .orphans = 1, .post_deploys = 2, .named = named})), 80);
  }
  SUBCASE("back") {
    survives_deaths(after({.instances = 1, .named = named}, deploy({.instances = 1, .orphans = 1, .post_deploys = 2})), 80);
  }
}

TEST_CASE("named disks move to a new VM, whenever the director dies") {
  const NamedDisks named = {{"data", "small"}, {"log", "large"}};
  auto scenario = deploy({.instances = 1, .stemcell = "1.1", .named = named});
  scenario.before = [named](DirectorWorld& world) {
    deployed({.instances = 1, .named = named})(world);
    world.add_stemcell("1.1");
  };
  survives_deaths(scenario, 100);
}

TEST_CASE("instances with named disks swap their VMs, whenever the director dies") {
  const NamedDisks named = {{"data", "small"}, {"log", "small"}};
  auto scenario = after({.instances = 1, .swap = true, .named = named},
                        deploy({.instances = 1, .orphans = 1, .swap = true, .named = {{"data", "large"}, {"log", "small"}}},
                               {{"recreate", true}}));
  scenario.two_vms = true;
  survives_deaths(scenario, 150);
}

TEST_CASE("new disks that are asked for are made once, whenever the director dies") {
  SUBCASE("mounted ones, with their data") {
    survives_deaths(after({.instances = 1}, deploy({.instances = 1, .orphans = 1, .post_deploys = 2},
                                                   {{"recreate_persistent_disks", true}})),
                    80);
  }
  SUBCASE("named ones") {
    const NamedDisks named = {{"data", "small"}, {"log", "large"}};
    survives_deaths(after({.instances = 1, .named = named},
                          deploy({.instances = 1, .orphans = 2, .post_deploys = 2, .named = named},
                                 {{"recreate_persistent_disks", true}})),
                    100);
  }
}

TEST_CASE("a deployment goes with its named disks, whenever its director dies") {
  survives_deaths({.type = "delete_deployment",
                   .arguments = always({{"name", "dep"}, {"delete_disks", true}}),
                   .before = deployed({.instances = 1, .named = {{"data", "small"}, {"log", "large"}}}),
                   .missed = missed_unless([](DirectorWorld& world) { return world.nothing_left(); })},
                  50);
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
  SUBCASE("another named disk") {
    is_fenced(after({.instances = 1, .named = {{"data", "small"}}},
                    deploy({.instances = 1, .orphans = 1, .named = {{"data", "large"}}})),
              5);
  }
  SUBCASE("a recreation") {
    is_fenced(after({.instances = 1}, deploy({.instances = 1}, {{"recreate", true}})), 5);
  }
  SUBCASE("scaling down") { is_fenced(after({}, deploy({.instances = 1, .orphans = 1})), 5); }
}

}  // namespace crash_test
