#include "health-monitor/monitor.hpp"

#include <doctest/doctest.h>

#include "base/yaml.hpp"

using namespace slipway;
using namespace slipway::health;
using namespace std::chrono_literals;

namespace monitor_test {

namespace {

// A director and its agents as the monitor sees them, in virtual time.
class World : public Hands {
 public:
  explicit World(int instances, bool leading = true, MonitorSettings with = settings())
      : monitor_(std::move(with), *this, random_) {
    Deployment demo{.name = "demo"};
    for (int i = 0; i < instances; ++i) {
      const auto number = std::to_string(i);
      demo.instances.push_back({.deployment = "demo",
                                .group = "etcd",
                                .id = "i" + number,
                                .index = i,
                                .az = "z1",
                                .agent = "a" + number,
                                .cid = "vm" + number});
      beating.insert("a" + number);
    }
    fleet.deployments["demo"] = demo;
    monitor_.set_leading(leading, now);
    learn();
    run(20s);
    notices.clear();
  }

  static MonitorSettings settings() {
    return {.liveness = {.interval = 1s, .timeout = 3s, .grace = 5s},
            .ladder = {},
            .budget = {.in_flight_per_az = 100, .in_flight_per_deployment = 100}};
  }

  void learn() { monitor_.learn(fleet, now); }
  Instance& instance(int i) { return fleet.deployments["demo"].instances.at(static_cast<std::size_t>(i)); }
  void die(int i) { beating.erase(instance(i).agent); }

  void run(Duration duration) {
    const auto end = now + duration;
    for (; now < end; now += 50ms) {
      if (bus_answers) monitor_.liveness().bus_proved(now);
      if (now >= next_beat) {
        for (const auto& agent : beating)
          if (bus_answers) monitor_.liveness().heard(agent, 0, now);
        next_beat += 1s;
      }
      monitor_.step(now, Timestamp{});
    }
  }

  void end(RepairOutcome::End how, const std::string& error = "") {
    ended.push_back({.deployment = "demo", .end = how, .task = "7", .error = error});
  }

  void probe(const std::string& agent) override {
    if (bus_answers && beating.contains(agent)) monitor_.liveness().heard(agent, 0, now);
  }
  void repair(const RepairOrder& order) override { orders.push_back(order); }
  std::vector<RepairOutcome> outcomes() override { return std::exchange(ended, {}); }
  void tell(Notice notice) override { notices.push_back(std::move(notice)); }

  // The notices' actions, in order.
  std::vector<std::string> told() const {
    std::vector<std::string> actions;
    for (const auto& notice : notices) actions.push_back(notice.action);
    return actions;
  }

  Instant now{1h};
  Instant next_beat{1h};
  Fleet fleet;
  std::set<std::string> beating;
  bool bus_answers = true;
  std::vector<RepairOrder> orders;
  std::vector<RepairOutcome> ended;
  std::vector<Notice> notices;

 private:
  SeededRandom random_{1};

 public:
  Monitor monitor_;
};

using Told = std::vector<std::string>;
using Jobs = std::map<std::string, std::vector<std::string>>;

}  // namespace

TEST_CASE("a VM that falls silent is rebooted, then replaced, and is well again under another agent") {
  World world(3);
  world.die(1);
  world.run(1900ms);
  CHECK(world.orders.empty());
  world.run(1200ms);
  REQUIRE(world.orders.size() == 1);
  CHECK(world.orders[0].rung == Rung::reboot);
  CHECK(world.orders[0].jobs == Jobs{{"etcd", {"i1"}}});
  CHECK(world.told() == Told{"silent", "reboot"});
  CHECK(world.notices[1].instance == "etcd/i1");
  CHECK(world.notices[1].summary.find("not heard") != std::string::npos);

  world.run(10s);
  CHECK(world.orders.size() == 1);  // it is under repair
  world.end(RepairOutcome::End::failed, "Agent still unresponsive after reboot");
  world.run(100ms);
  REQUIRE(world.orders.size() == 2);
  CHECK(world.orders[1].rung == Rung::replace);

  world.instance(1).agent = "a1-new";
  world.beating.insert("a1-new");
  world.learn();
  world.end(RepairOutcome::End::done);
  world.run(60s);
  CHECK(world.orders.size() == 2);
  CHECK(world.told() == Told{"silent", "reboot", "repair_failed", "replace", "repaired"});
  CHECK(world.monitor_.figures().troubled.empty());
}

TEST_CASE("a VM that comes back after its reboot is repaired no further") {
  World world(3);
  world.die(1);
  world.run(4s);
  REQUIRE(world.orders.size() == 1);
  world.beating.insert("a1");
  world.run(2s);
  world.end(RepairOutcome::End::done);
  world.run(10min);
  CHECK(world.orders.size() == 1);
  CHECK(world.told() == Told{"silent", "reboot", "repaired", "back"});
}

TEST_CASE("an instance without a VM is made anew at once") {
  World world(3);
  world.instance(2).agent = world.instance(2).cid = "";
  world.learn();
  world.run(100ms);
  REQUIRE(world.orders.size() == 1);
  CHECK(world.orders[0].rung == Rung::replace);
  CHECK(world.told() == Told{"missing", "replace"});
}

TEST_CASE("an instance that shall have no VM is missed by nobody") {
  World world(3);
  world.instance(2).agent = world.instance(2).cid = "";
  world.instance(2).expects_vm = false;
  world.learn();
  world.run(1min);
  CHECK(world.orders.empty());
}

TEST_CASE("when half of twenty fall at once, nothing is repaired and it is told once") {
  World world(20);
  for (int i = 0; i < 10; ++i) world.die(i);
  world.run(5min);
  CHECK(world.orders.empty());
  const auto melting = std::count_if(world.notices.begin(), world.notices.end(),
                                     [](const Notice& notice) { return notice.action == "hold"; });
  CHECK(melting == 1);
  SUBCASE("and when most are back, the others are repaired") {
    for (int i = 0; i < 8; ++i) world.beating.insert("a" + std::to_string(i));
    world.run(3s);
    REQUIRE(world.orders.size() == 1);
    CHECK(world.orders[0].jobs == Jobs{{"etcd", {"i8", "i9"}}});
  }
}

TEST_CASE("those that fall together are repaired together, whichever beat was due first") {
  World world(6);
  for (int i = 0; i < 3; ++i) world.die(i);
  // The last sign of one of them comes a little later than of the others.
  world.run(500ms);
  world.monitor_.liveness().heard("a1", 0, world.now);
  world.run(4s);
  REQUIRE(world.orders.size() == 1);
  CHECK(world.orders[0].jobs == Jobs{{"etcd", {"i0", "i2", "i1"}}});  // in the order they fell silent
}

TEST_CASE("a bus that is away for an hour makes no storm when it is back") {
  World world(20);
  world.bus_answers = false;
  world.run(1h);
  world.bus_answers = true;
  world.run(10min);
  CHECK(world.orders.empty());
  CHECK(world.told() == Told{"deaf", "hearing"});
  CHECK(world.monitor_.figures().agents.alive == 20);
}

TEST_CASE("what fell while the bus was away is repaired when it is back and the grace is over") {
  World world(3);
  world.bus_answers = false;
  world.run(30s);
  world.die(0);
  world.bus_answers = true;
  world.run(4900ms);
  CHECK(world.orders.empty());
  world.run(300ms);
  CHECK(world.orders.size() == 1);
}

TEST_CASE("what a task works on is left alone until the task has ended") {
  World world(3);
  world.monitor_.set_locked("demo", true);
  world.die(0);
  world.run(1min);
  CHECK(world.orders.empty());
  CHECK(world.told() == Told{"silent", "hold"});
  CHECK(world.notices[0].severity == 5);  // expected, so nobody is woken
  world.monitor_.set_locked("demo", false);
  world.run(100ms);
  CHECK(world.orders.size() == 1);
}

TEST_CASE("a repair that could not begin is asked for again soon, and counts for nothing") {
  World world(3);
  world.die(0);
  world.run(4s);
  world.end(RepairOutcome::End::not_begun, "the director does not answer");
  world.run(4s);
  CHECK(world.orders.size() == 1);
  world.run(2s);
  REQUIRE(world.orders.size() == 2);
  CHECK(world.orders[1].rung == Rung::reboot);
}

TEST_CASE("when repairs are switched off, it is said once and nothing is done until they are on again") {
  World world(3);
  SUBCASE("told by the director before") {
    world.monitor_.set_paused(true);
    world.die(0);
    world.run(10min);
    CHECK(world.told() == Told{"silent", "hold"});
    CHECK(world.orders.empty());
    world.monitor_.set_paused(false);
    world.run(100ms);
    CHECK(world.orders.size() == 1);
  }
  SUBCASE("learnt from its answer") {
    world.die(0);
    world.run(4s);
    world.end(RepairOutcome::End::paused);
    world.run(10min);
    CHECK(world.told() == Told{"silent", "reboot", "hold"});
    CHECK(world.orders.size() == 1);
    world.monitor_.set_paused(false);
    world.run(100ms);
    CHECK(world.orders.size() == 2);
  }
}

TEST_CASE("a repair that helps nobody is tried again with growing pauses") {
  World world(3);
  world.die(0);
  std::vector<Duration> pauses;
  auto last = world.now;
  for (std::size_t attempts = 0; attempts < 6;) {
    world.run(1s);
    if (world.orders.size() == attempts) continue;
    pauses.push_back(std::chrono::round<std::chrono::seconds>(world.now - last));
    last = world.now;
    attempts = world.orders.size();
    world.end(RepairOutcome::End::failed);
  }
  CHECK(pauses.at(1) <= 1s);
  CHECK(pauses.at(2) >= 30s);
  CHECK(pauses.at(3) >= 60s);
  CHECK(pauses.at(4) >= 120s);
  CHECK(pauses.at(5) >= 240s);
  CHECK(pauses.at(5) <= 243s);
}

TEST_CASE("a monitor that stands by watches, says nothing and takes over when it is to lead") {
  World world(3, false);
  world.die(0);
  world.run(1min);
  CHECK(world.orders.empty());
  CHECK(world.notices.empty());
  world.monitor_.set_leading(true, world.now);
  world.run(4900ms);
  CHECK(world.orders.empty());
  world.run(300ms);
  CHECK(world.orders.size() == 1);
}

TEST_CASE("an instance that is deleted while it is silent is forgotten") {
  World world(3);
  world.monitor_.set_locked("demo", true);
  world.die(2);
  world.run(10s);
  world.fleet.deployments["demo"].instances.pop_back();
  world.learn();
  world.run(1min);
  CHECK(world.orders.empty());
  CHECK(world.monitor_.figures().troubled.empty());
}

TEST_CASE("jobs that stop running are told once, and their return") {
  World world(3);
  world.monitor_.note_job_state("a0", "running", Timestamp{});
  world.monitor_.note_job_state("a0", "failing", Timestamp{});
  world.monitor_.note_job_state("a0", "failing", Timestamp{});
  CHECK(world.monitor_.figures().failing.at("demo") == 1);
  world.monitor_.note_job_state("a0", "running", Timestamp{});
  CHECK(world.told() == Told{"job_state", "job_state"});
  CHECK(world.notices[0].severity == 3);
  CHECK(world.notices[1].severity == 5);
  CHECK(world.monitor_.figures().failing.empty());
}

MonitorSettings with_failing_for(Duration duration) {
  auto settings = World::settings();
  settings.failing_for = duration;
  return settings;
}

TEST_CASE("a VM whose jobs fail for long is rebooted, then replaced") {
  World world(3, true, with_failing_for(1min));
  world.monitor_.note_job_state("a0", "failing", Timestamp{});
  world.run(59s);
  CHECK(world.orders.empty());
  world.run(2s);
  REQUIRE(world.orders.size() == 1);
  CHECK(world.orders[0].rung == Rung::reboot);
  CHECK(world.orders[0].failing_jobs);
  CHECK(world.orders[0].jobs.at("etcd") == std::vector<std::string>{"i0"});
  CHECK(world.told() == Told{"job_state", "failing", "reboot"});
  CHECK(world.notices[2].summary.find("its jobs do not run") != std::string::npos);

  // It has its time again after the reboot, and is well in it; but soon fails again.
  world.end(RepairOutcome::End::done);
  world.run(30s);
  world.monitor_.note_job_state("a0", "running", Timestamp{});
  world.run(5min);
  CHECK(world.orders.size() == 1);
  CHECK(world.monitor_.figures().troubled.empty());
  world.monitor_.note_job_state("a0", "failing", Timestamp{});
  world.run(62s);
  REQUIRE(world.orders.size() == 2);
  CHECK(world.orders[1].rung == Rung::replace);
  CHECK(world.orders[1].failing_jobs);
  world.instance(0).agent = "b0";
  world.beating = {"b0", "a1", "a2"};
  world.learn();
  world.end(RepairOutcome::End::done);
  world.run(10min);
  CHECK(world.orders.size() == 2);
  CHECK(world.monitor_.figures().troubled.empty());
}

TEST_CASE("jobs that die again and again do not run because they run for a moment") {
  World world(3, true, with_failing_for(1min));
  for (int i = 0; i < 7; ++i) {
    world.monitor_.note_job_state("a0", "failing", Timestamp{});
    world.run(5s);
    world.monitor_.note_job_state("a0", "running", Timestamp{});
    world.run(5s);
  }
  REQUIRE(world.orders.size() == 1);
  CHECK(world.orders[0].failing_jobs);
}

TEST_CASE("jobs that fail while a task works on them, for a moment, or where nobody wants it, harm no VM") {
  SUBCASE("for a moment, now and then") {
    World world(3, true, with_failing_for(1min));
    for (int i = 0; i < 20; ++i) {
      world.monitor_.note_job_state("a0", "failing", Timestamp{});
      world.run(40s);
      world.monitor_.note_job_state("a0", "running", Timestamp{});
      world.run(20s);
    }
    CHECK(world.orders.empty());
  }
  SUBCASE("in a deploy, after which they have their time") {
    World world(3, true, with_failing_for(1min));
    world.monitor_.set_locked("demo", true);
    world.monitor_.note_job_state("a0", "failing", Timestamp{});
    world.run(10min);
    world.monitor_.set_locked("demo", false);
    world.run(50s);
    CHECK(world.orders.empty());
    CHECK_FALSE(world.monitor_.figures().troubled.contains("failing"));
    world.run(15s);
    CHECK(world.orders.size() == 1);
  }
  SUBCASE("stopped by an operator") {
    World world(3, true, with_failing_for(1min));
    world.monitor_.note_job_state("a0", "stopped", Timestamp{});
    world.run(10min);
    CHECK(world.orders.empty());
  }
  SUBCASE("unless it is asked for, never") {
    World world(3);
    world.monitor_.note_job_state("a0", "failing", Timestamp{});
    world.run(24h);
    CHECK(world.orders.empty());
  }
}

TEST_CASE("a VM that falls silent and one whose jobs fail are repaired by two requests") {
  World world(3, true, with_failing_for(10s));
  world.monitor_.note_job_state("a0", "failing", Timestamp{});
  world.run(8s);
  world.die(1);
  world.run(20s);
  REQUIRE(world.orders.size() == 1);
  const bool failing_first = world.orders[0].failing_jobs;
  CHECK(world.orders[0].jobs.at("etcd") == std::vector<std::string>{failing_first ? "i0" : "i1"});
  world.end(RepairOutcome::End::done);
  world.run(1s);
  REQUIRE(world.orders.size() == 2);
  CHECK(world.orders[1].failing_jobs != failing_first);
}

Json vitals(int ephemeral, int persistent = 1) {
  return {{"disk",
           {{"ephemeral", {{"percent", std::to_string(ephemeral)}, {"own", true}}},
            {"persistent", {{"percent", std::to_string(persistent)}, {"own", true}}}}}};
}

TEST_CASE("a VM whose own disk stays full is replaced, once, and its successor is well") {
  World world(3);
  world.monitor_.note_disks("a0", vitals(98), world.now, Timestamp{});
  world.run(59s);
  world.monitor_.note_disks("a0", vitals(98), world.now, Timestamp{});
  CHECK(world.orders.empty());
  CHECK(world.told() == Told{"disk_full"});
  world.run(2s);
  world.monitor_.note_disks("a0", vitals(98), world.now, Timestamp{});
  world.run(10s);
  REQUIRE(world.orders.size() == 1);
  CHECK(world.orders[0].rung == Rung::replace);
  CHECK(world.orders[0].jobs.at("etcd") == std::vector<std::string>{"i0"});
  CHECK(world.told() == Told{"disk_full", "full", "replace"});

  // Silent while it is replaced, which is no other trouble.
  world.die(0);
  world.run(20s);
  CHECK(world.orders.size() == 1);
  world.instance(0).agent = "b0";
  world.beating.insert("b0");
  world.learn();
  world.end(RepairOutcome::End::done);
  world.run(2min);
  CHECK(world.orders.size() == 1);
  CHECK(world.monitor_.figures().troubled.empty());
}

TEST_CASE("a disk that gets room again in time, or that a new VM would have again, replaces nobody") {
  World world(3);
  world.monitor_.note_disks("a0", vitals(98), world.now, Timestamp{});
  world.run(30s);
  world.monitor_.note_disks("a0", vitals(50), world.now, Timestamp{});
  world.monitor_.note_disks("a1", vitals(1, 100), world.now, Timestamp{});
  world.run(2min);
  world.monitor_.note_disks("a0", vitals(50), world.now, Timestamp{});
  world.monitor_.note_disks("a1", vitals(1, 100), world.now, Timestamp{});
  world.monitor_.note_disks("nobody", vitals(100), world.now, Timestamp{});
  world.run(1min);
  CHECK(world.orders.empty());
  CHECK(world.told() == Told{"disk_full", "disk_ample", "disk_full"});
  CHECK(world.notices[2].summary.find("larger persistent disk") != std::string::npos);
}

TEST_CASE("a VM that falls silent with a full disk is silent first of all") {
  World world(3);
  world.monitor_.note_disks("a0", vitals(100), world.now, Timestamp{});
  world.monitor_.set_paused(true);
  world.run(61s);
  world.monitor_.note_disks("a0", vitals(100), world.now, Timestamp{});
  world.run(1s);
  CHECK(world.monitor_.figures().troubled.at("full") == 1);
  world.die(0);
  world.run(10s);
  CHECK(world.monitor_.figures().troubled.at("silent") == 1);
  CHECK_FALSE(world.monitor_.figures().troubled.contains("full"));
}

TEST_CASE("an alert is what its agent sent, in bounds, about the instance that has the agent") {
  World world(3);
  world.monitor_.alert_of("a1", {{"severity", 2}, {"title", std::string(10000, 'x')}, {"summary", 7}}, Timestamp{});
  world.monitor_.alert_of("nobody", {{"severity", "high"}, {"title", "t"}}, Timestamp{});
  REQUIRE(world.notices.size() == 2);
  CHECK(world.notices[0].severity == 2);
  CHECK(world.notices[0].instance == "etcd/i1");
  CHECK(world.notices[0].title.size() == 500);
  CHECK(world.notices[0].summary.empty());
  CHECK(world.notices[1].source == "nobody");
  CHECK(world.notices[1].severity == 4);
}

}  // namespace monitor_test
