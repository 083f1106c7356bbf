#include "test/sim/simulation.hpp"

#include <mutex>

#include "test/sim/operator.hpp"
#include "test/sim/weather.hpp"

namespace slipway::sim {

using namespace std::chrono_literals;

namespace {

constexpr auto look_every = 20s;  // whether all is at rest

// Three instances that run. Made once: every world begins as a copy of it.
std::unique_ptr<test::DirectorWorld> first_ground() {
  static std::mutex mutex;
  static const auto made = [] {
    auto ground = std::make_unique<test::DirectorWorld>();
    ground->services.settings.max_parallel = 1;  // who gets which id is as the seed says
    ground->set_cloud_config(test::three_zones(1));
    ground->deploy(test::simple_manifest(3, "p0"));
    return ground;
  }();
  const std::lock_guard lock(mutex);
  return std::make_unique<test::DirectorWorld>(*made, director::Locks::Renewal::by_owner);
}

health::LivenessSettings liveness_of(std::uint64_t seed) {
  health::LivenessSettings settings;
  const bool quick = seed % 4 == 0;
  settings.interval = quick ? 1s : 5s;
  settings.timeout = 3 * settings.interval;
  settings.grace = quick ? 5s : 15s;
  return settings;
}

struct World {
  explicit World(const Settings& the_settings)
      : settings(the_settings),
        liveness(liveness_of(settings.seed)),
        ground(first_ground()),
        network(time, *ground, liveness.interval, settings.seed),
        referee(time, trace, *ground, network),
        director(time, trace, *ground, network, referee, settings.seed),
        weather(time, trace, *ground, network, director, monitors, settings.seed),
        user(time, trace, director, referee, settings.seed) {
    trace.show = settings.show;
    for (std::size_t i = 0; i < 1 + settings.seed % most_monitors; ++i)
      monitors.push_back(
          std::make_unique<MonitorProcess>(time, trace, network, director, liveness, i, settings.seed));
  }
  ~World() {
    director.changed = {};
    director.kill();
    for (auto& monitor : monitors) monitor->kill();
    time.end();
  }

  void run() {
    const auto begin = time.now(), end_of_storm = begin + settings.storm, end = end_of_storm + settings.calm;
    const auto look = [this] { referee.look(); };
    director.set_cpi_faults({.min_latency = 5ms, .max_latency = 500ms});
    director.start();
    for (auto& monitor : monitors) monitor->start();
    weather.blow_until(end_of_storm);
    time.start("operator", [&] { user.work_until(end_of_storm); });
    if (settings.sabotage)
      time.at(begin + settings.storm / 2, [this] {
        settings.sabotage(*ground);
        referee.store_changed("transaction");
      });
    time.run_until(end_of_storm, look);
    time.start("operator", [&] { user.put_in_order(end); });
    std::vector<std::string> missing;
    do {
      time.run_until(time.now() + look_every, look);
      missing = at_rest();
    } while (!missing.empty() && time.now() < end);
    if (missing.empty()) return;
    std::string text = "not at rest " + std::to_string(std::chrono::floor<std::chrono::minutes>(settings.calm).count()) +
                       " min after the last fault:";
    for (const auto& one : missing) text += "\n  " + one;
    throw Broken(text);
  }

  std::vector<std::string> at_rest() {
    if (!user.content()) return {"the operator has not got what he wants"};
    auto missing = referee.unrest();
    int leading = 0;
    for (const auto& monitor : monitors) {
      const auto figures = monitor->figures();
      leading += figures.leading ? 1 : 0;
      for (const auto& [trouble, count] : figures.troubled)
        missing.push_back("a monitor takes " + std::to_string(count) + " for " + trouble);
    }
    if (leading != 1) missing.push_back(std::to_string(leading) + " monitors lead");
    if (missing.empty()) missing = director.care_to_do();
    return missing.empty() ? referee.shortcomings() : missing;
  }

  const Settings settings;
  const health::LivenessSettings liveness;
  Trace trace;
  VirtualTime time;
  std::unique_ptr<test::DirectorWorld> ground;
  Network network;
  Referee referee;
  DirectorProcess director;
  std::vector<std::unique_ptr<MonitorProcess>> monitors;
  Weather weather;
  Operator user;
};

}  // namespace

std::vector<std::string> fault_names() { return Weather::names(); }

Outcome simulate(const Settings& settings) {
  Outcome outcome{.seed = settings.seed};
  World world(settings);
  const auto begin = world.time.now();
  try {
    world.run();
  } catch (const std::exception& error) {
    outcome.problem = error.what();
    outcome.last_lines = world.trace.last_lines();
  }
  outcome.digest = world.trace.digest();
  outcome.lines = world.trace.lines();
  outcome.turns = world.time.turns();
  outcome.simulated = world.time.now() - begin;
  outcome.faults = world.trace.faults();
  return outcome;
}

}  // namespace slipway::sim
