// Goal 6: from an agent's death to the call that has it repaired, over a real bus, against k times the
// interval.
//
//   slipway-bench-detection AGENTS LOSS_PERCENT
//
// Each agent beats once a second and dies at a moment of its own; of beats, probes and answers the share
// is lost. Prints in milliseconds: median, 99th percentile and longest time from death to call, the floor
// (3 x 1 s), and how many were called that were not dead.
#include <nats/nats.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include "base/process.hpp"
#include "health-monitor/bus/bus.hpp"
#include "health-monitor/detect/heartbeat_intake.hpp"
#include "health-monitor/worker.hpp"
#include "stemcells/agent/protocol/protocol.hpp"
#include "test/free_port.hpp"

using namespace slipway;
using namespace slipway::health;
using namespace std::chrono_literals;

namespace {

constexpr auto interval = 1s;
constexpr auto timeout = 3s;
constexpr auto grace = 5s;
constexpr auto deaths_within = 10s;

void check(natsStatus status) {
  if (status != NATS_OK) throw Error(Fault::internal, natsStatus_GetText(status));
}

// All agents on one connection, on one thread but for the answers to probes.
class Agents {
 public:
  struct Agent {
    std::string id;
    Instant next_beat{}, dies{};
  };

  Agents(const std::string& url, int count, int loss_percent, Clock& clock)
      : clock_(clock), loss_percent_(static_cast<std::uint64_t>(loss_percent)) {
    check(natsConnection_ConnectTo(&connection_, url.c_str()));
    const auto begin = clock.monotonic();
    for (int i = 0; i < count; ++i) {
      const auto phase = std::chrono::milliseconds(random_.below(1000));
      const auto death = grace + timeout + interval + std::chrono::milliseconds(random_.below(deaths_within / 1ms));
      agents.push_back({"agent-" + std::to_string(i), begin + phase, begin + death});
    }
    check(natsConnection_Subscribe(&probes_, connection_, "hm.probe.*", &Agents::on_probe, this));
    check(natsConnection_FlushTimeout(connection_, 5000));
    thread_ = std::thread([this] { beat(); });
  }
  ~Agents() {
    stopping_ = true;
    thread_.join();
    natsConnection_Close(connection_);
    natsSubscription_Destroy(probes_);
    natsConnection_Destroy(connection_);
  }

  Agent& of(const std::string& id) { return agents.at(static_cast<std::size_t>(std::stoi(id.substr(6)))); }

  std::vector<Agent> agents;

 private:
  static void on_probe(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
    auto& self = *static_cast<Agents*>(closure);
    const std::string subject = natsMsg_GetSubject(message);
    natsMsg_Destroy(message);
    const auto& agent = self.of(subject.substr(subject.rfind('.') + 1));
    if (!self.lost() && self.clock_.monotonic() < agent.dies) self.send(agent);
  }

  bool lost() {
    std::lock_guard lock(mutex_);
    return random_.below(100) < loss_percent_;
  }

  void send(const Agent& agent) {
    if (lost()) return;
    const std::string payload = R"({"job_state":"running"})";
    check(natsConnection_Publish(connection_, agent::heartbeat_subject(agent.id).c_str(), payload.data(),
                                 static_cast<int>(payload.size())));
  }

  void beat() {
    while (!stopping_) {
      const auto now = clock_.monotonic();
      for (auto& agent : agents) {
        if (now < agent.next_beat || now >= agent.dies) continue;
        send(agent);
        agent.next_beat += interval;
      }
      std::this_thread::sleep_for(2ms);
    }
  }

  Clock& clock_;
  const std::uint64_t loss_percent_;
  std::mutex mutex_;
  SeededRandom random_{42};
  natsConnection* connection_ = nullptr;
  natsSubscription* probes_ = nullptr;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

struct CountingHands final : Hands {
  CountingHands(Agents& a, Clock& c) : agents(a), clock(c) {}
  void probe(const std::string& agent) override {
    if (bus) bus->probe(agent);
  }
  void repair(const RepairOrder& order) override {
    const auto late = clock.monotonic() - agents.of(order.deployment).dies;
    if (late < 0ms)
      ++too_early;
    else
      times.push_back(std::chrono::duration<double, std::milli>(late).count());
  }
  std::vector<RepairOutcome> outcomes() override { return {}; }
  void tell(Notice) override {}

  Agents& agents;
  Clock& clock;
  Bus* bus = nullptr;
  std::vector<double> times;
  int too_early = 0;
};

int measure(int count, int loss_percent) {
  const int port = test::free_port();
  ChildProcess::Options options;
  options.argv = {"/usr/sbin/nats-server", "-a", "127.0.0.1", "-p", std::to_string(port)};
  options.pipe_stdio = false;
  options.on_stderr_line = [](std::string_view) {};
  ChildProcess server(options);
  std::this_thread::sleep_for(500ms);
  const auto url = "nats://127.0.0.1:" + std::to_string(port);

  SystemClock clock;
  SystemRandom random;
  Agents agents(url, count, loss_percent, clock);
  CountingHands hands(agents, clock);
  MonitorSettings settings;
  settings.liveness.interval = interval;
  settings.liveness.timeout = timeout;
  settings.liveness.grace = grace;
  settings.budget.in_flight = settings.budget.in_flight_per_az = count;
  Monitor monitor(settings, hands, random);
  Plugins plugins({}, Log::discard());
  HeartbeatIntake intake(monitor, plugins, clock, Log::discard());
  // Each in a deployment of its own: that many deaths in one would be a meltdown.
  Fleet fleet;
  for (const auto& agent : agents.agents) {
    fleet.deployments[agent.id] = {
        .name = agent.id,
        .instances = {{.deployment = agent.id, .group = "g", .id = agent.id, .agent = agent.id, .cid = "vm"}}};
  }
  monitor.set_leading(true, clock.monotonic());
  monitor.learn(fleet, clock.monotonic());
  Bus::Ears ears;
  ears.heartbeat = [&](std::string_view agent, std::string_view payload) { intake.take(agent, payload); };
  ears.alert = ears.shutdown = [](std::string_view, std::string_view) {};
  ears.director_alert = ears.changed = [](std::string_view) {};
  ears.interrupted = [] {};
  NatsBus bus({.url = url}, ears, Log::discard());
  hands.bus = &bus;
  {
    Worker listener([&] {
      const auto begun = clock.monotonic();
      if (bus.round_trip(1000ms)) monitor.liveness().bus_proved(begun);
      return std::chrono::ceil<std::chrono::milliseconds>(settings.liveness.ear_check_every());
    });
    Worker judge([&] {
      monitor.step(clock.monotonic(), clock.now());
      return std::chrono::ceil<std::chrono::milliseconds>(settings.liveness.judge_every());
    });
    std::this_thread::sleep_for(grace + timeout + interval + deaths_within + timeout + 2s);
  }
  auto& times = hands.times;
  if (times.size() + static_cast<std::size_t>(hands.too_early) < agents.agents.size())
    throw Error(Fault::internal,
                "of " + std::to_string(count) + " deaths only " + std::to_string(times.size()) + " were seen");
  std::sort(times.begin(), times.end());
  std::cout << times[times.size() / 2] << " " << times[times.size() * 99 / 100] << " " << times.back() << " "
            << timeout / 1ms << " " << hands.too_early << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw Error(Fault::invalid, "two arguments: agents and the loss in percent");
    return measure(std::stoi(argv[1]), std::stoi(argv[2]));
  } catch (const std::exception& error) {
    std::cerr << "slipway-bench-detection: " << error.what() << "\n";
    return 1;
  }
}
