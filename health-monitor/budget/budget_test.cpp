#include "health-monitor/budget/budget.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"

using namespace slipway;
using namespace slipway::health;
using namespace std::chrono_literals;

namespace budget_test {

namespace {

const Instant now{1h};

struct World {
  Fleet fleet;
  std::vector<Patient> patients;
  Situation situation;
  BudgetSettings settings;

  explicit World(int instances, const std::string& deployment = "demo") {
    add(deployment, instances);
    situation.now = now;
  }
  void add(const std::string& name, int instances) {
    Deployment deployment{.name = name};
    for (int i = 0; i < instances; ++i) {
      const auto number = std::to_string(i);
      deployment.instances.push_back({.deployment = name,
                                      .group = "etcd",
                                      .id = name + number,
                                      .index = i,
                                      .az = "z" + std::to_string(i % 3 + 1),
                                      .agent = "agent-" + name + number,
                                      .cid = "vm-" + name + number});
    }
    fleet.deployments[name] = std::move(deployment);
  }
  Patient& fell(int index, const std::string& deployment = "demo") {
    Patient patient;
    patient.instance = &fleet.deployments.at(deployment).instances.at(static_cast<std::size_t>(index));
    patient.since = now - 1s - std::chrono::milliseconds(index);
    patients.push_back(patient);
    ++situation.down[deployment];
    return patients.back();
  }
  std::vector<Hold> holds() {
    situation.fleet = &fleet;
    std::vector<Hold> all;
    for (const auto& decision : decide(settings, situation, patients)) all.push_back(decision.hold);
    return all;
  }
};

}  // namespace

TEST_CASE("one of three that fell is repaired, and so are two and all three: so small a group cannot melt") {
  for (int fallen = 1; fallen <= 3; ++fallen) {
    World world(3);
    for (int i = 0; i < fallen; ++i) world.fell(i);
    CHECK(world.holds() == std::vector<Hold>(static_cast<std::size_t>(fallen), Hold::none));
  }
}

TEST_CASE("meltdown is five down and a fifth of the deployment, both") {
  const auto melts = [](int down, int total) {
    World world(total);
    for (int i = 0; i < down; ++i) world.fell(i);
    const auto holds = world.holds();
    const auto melting = std::count(holds.begin(), holds.end(), Hold::meltdown);
    CHECK((melting == 0 || melting == down));  // none or all
    return melting > 0;
  };
  CHECK_FALSE(melts(4, 4));
  CHECK(melts(5, 5));
  CHECK(melts(5, 25));
  CHECK_FALSE(melts(5, 26));
  CHECK(melts(6, 30));
  CHECK_FALSE(melts(19, 100));
  CHECK(melts(20, 100));
}

TEST_CASE("those that only may be down count towards a meltdown before they time out") {
  World world(10);
  world.fell(0);
  world.situation.down["demo"] = 6;  // five more are suspects
  CHECK(world.holds() == std::vector<Hold>{Hold::meltdown});
}

TEST_CASE("a meltdown of one deployment keeps no other from being repaired") {
  World world(10);
  world.add("other", 3);
  for (int i = 0; i < 6; ++i) world.fell(i);
  world.fell(0, "other");
  const auto holds = world.holds();
  CHECK(std::count(holds.begin(), holds.end(), Hold::meltdown) == 6);
  CHECK(std::count(holds.begin(), holds.end(), Hold::none) == 1);
}

TEST_CASE("who may not be repaired says why") {
  World world(3);
  auto& patient = world.fell(0);
  const auto only = [&] { return world.holds().at(0); };
  CHECK(only() == Hold::none);
  SUBCASE("because another monitor acts") {
    world.situation.leading = false;
    CHECK(only() == Hold::standby);
  }
  SUBCASE("because it is too early to judge") {
    world.situation.amnesty = true;
    CHECK(only() == Hold::amnesty);
  }
  SUBCASE("because resurrection is off") {
    world.situation.paused = true;
    CHECK(only() == Hold::paused);
  }
  SUBCASE("because a resurrection config switches it off") {
    world.fleet.rules = {{.enabled = false, .include = {.deployments = {"demo"}, .instance_groups = {"etcd"}}}};
    CHECK(only() == Hold::disabled);
    world.fleet.rules[0].include.instance_groups = {"other"};
    CHECK(only() == Hold::none);
  }
  SUBCASE("because it is ignored") {
    world.fleet.deployments["demo"].instances[0].ignore = true;
    CHECK(only() == Hold::ignored);
  }
  SUBCASE("because a task works on its deployment") {
    world.situation.locked = {"demo"};
    CHECK(only() == Hold::locked);
  }
  SUBCASE("because others of its deployment may be down too, but not for long") {
    world.situation.suspected = {"demo"};
    world.situation.settle_for = 3s;
    CHECK(only() == Hold::settling);
    patient.since = now - 3s;
    CHECK(only() == Hold::none);
  }
  SUBCASE("because a repair of its deployment runs") {
    world.situation.busy = {"demo"};
    CHECK(only() == Hold::busy);
  }
  SUBCASE("because it was tried not long ago") {
    patient.not_before = now + 1s;
    CHECK(only() == Hold::backoff);
    patient.not_before = now;
    CHECK(only() == Hold::none);
  }
}

TEST_CASE("budgets hold for all, an AZ and a deployment, the longest troubled first") {
  World world(30);
  world.settings.meltdown_minimum = 1000;
  SUBCASE("a deployment") {
    for (int i = 0; i < 5; ++i) world.fell(i);
    CHECK(world.holds() == std::vector<Hold>{Hold::none, Hold::none, Hold::none, Hold::budget, Hold::budget});
  }
  SUBCASE("an AZ") {
    world.settings.in_flight_per_deployment = 100;
    world.settings.in_flight_per_az = 2;
    for (int i = 0; i < 12; i += 3) world.fell(i);  // all in z1
    world.fell(1);
    const auto holds = world.holds();
    CHECK(std::count(holds.begin(), holds.end(), Hold::budget) == 2);
    CHECK(std::count(holds.begin(), holds.end(), Hold::none) == 3);
  }
  SUBCASE("all") {
    world.settings.in_flight_per_deployment = world.settings.in_flight_per_az = 100;
    for (int i = 0; i < 15; ++i) world.fell(i).under_repair = i < 4;
    const auto holds = world.holds();
    CHECK(holds.size() == 11);
    CHECK(std::count(holds.begin(), holds.end(), Hold::none) == 6);
  }
}

TEST_CASE("whatever happens: no budget is exceeded, nobody is repaired in a meltdown, a lock or a pause") {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    SeededRandom random(seed);
    World world(static_cast<int>(1 + random.below(40)));
    world.add("other", static_cast<int>(1 + random.below(40)));
    world.settings.in_flight = static_cast<int>(1 + random.below(12));
    world.settings.in_flight_per_az = static_cast<int>(1 + random.below(6));
    world.settings.in_flight_per_deployment = static_cast<int>(1 + random.below(6));
    world.situation.paused = random.below(10) == 0;
    std::map<std::string, int> down;
    for (const std::string name : {"demo", "other"}) {
      if (random.below(5) == 0) world.situation.locked.insert(name);
      const auto size = world.fleet.deployments[name].instances.size();
      for (std::size_t i = 0; i < size; ++i) {
        if (random.below(4) != 0) continue;
        world.fell(static_cast<int>(i), name);
        ++down[name];
      }
    }
    world.situation.fleet = &world.fleet;
    INFO("seed " << seed);
    std::map<std::string, int> by_az, by_deployment;
    int all = 0;
    const auto decisions = decide(world.settings, world.situation, world.patients);
    CHECK(decisions.size() == world.patients.size());
    for (const auto& decision : decisions) {
      CHECK_FALSE(decision.reason.empty());
      if (decision.hold != Hold::none) continue;
      const auto& instance = *decision.patient->instance;
      const auto total = static_cast<int>(world.fleet.deployments[instance.deployment].instances.size());
      const int fallen = down[instance.deployment];
      CHECK_FALSE((fallen >= 5 && fallen * 5 >= total));
      CHECK_FALSE(world.situation.paused);
      CHECK_FALSE(world.situation.locked.contains(instance.deployment));
      CHECK(++all <= world.settings.in_flight);
      CHECK(++by_az[instance.az] <= world.settings.in_flight_per_az);
      CHECK(++by_deployment[instance.deployment] <= world.settings.in_flight_per_deployment);
    }
  }
}

}  // namespace budget_test
