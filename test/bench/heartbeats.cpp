// Goal 5: what a heartbeat costs the health monitor, from the bus to where it is known that its agent is
// alive, against a bare subscriber of the same bus that only takes the messages.
//
//   slipway-bench-heartbeats AGENTS MESSAGES
//
// Prints the processor time in milliseconds of monitor, bare subscriber and Ruby's parser (the latter
// only parses), for the same heartbeats; and the monitor's share of a core, in percent, while the agents
// beat once a second for ten seconds.
#include <nats/nats.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <thread>

#include "base/file.hpp"
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

double processor_ms() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

[[noreturn]] void fail(const std::string& what) { throw Error(Fault::internal, what); }

void check(natsStatus status) {
  if (status != NATS_OK) fail(natsStatus_GetText(status));
}

std::string id_of(int agent) {
  char text[40];
  std::snprintf(text, sizeof text, "%08x-89ab-4def-8123-456789abcdef", agent);
  return text;
}

// As our agent sends it.
std::string heartbeat(int agent) {
  agent::Heartbeat beat{.deployment = "service-instance-demo", .job = "etcd", .index = agent, .job_state = "running"};
  beat.node_id = id_of(agent);
  beat.number_of_processes = 1;
  beat.vitals = {{"cpu", {{"sys", "0.3"}, {"user", "1.2"}, {"wait", "0.0"}}},
                 {"mem", {{"kb", "51200"}, {"percent", "10"}}},
                 {"swap", {{"kb", "0"}, {"percent", "0"}}},
                 {"load", {"0.10", "0.20", "0.30"}},
                 {"disk",
                  {{"system", {{"percent", "30"}, {"inode_percent", "10"}}},
                   {"ephemeral", {{"percent", "3"}, {"inode_percent", "1"}}},
                   {"persistent", {{"percent", "5"}, {"inode_percent", "1"}}}}},
                 {"uptime", {{"secs", 12345}}}};
  return dump(to_json(beat));
}

// A program of its own, so that what sending costs is not counted: this one, started again.
struct Sender {
  int port, agents;
  long messages;
  int per_second;  // 0: as fast as it goes

  int run() const {
    natsConnection* connection = nullptr;
    check(natsConnection_ConnectTo(&connection, ("nats://127.0.0.1:" + std::to_string(port)).c_str()));
    std::vector<std::string> subjects, payloads;
    for (int i = 0; i < agents; ++i) {
      subjects.push_back(agent::heartbeat_subject(id_of(i)));
      payloads.push_back(heartbeat(i));
    }
    const auto begun = std::chrono::steady_clock::now();
    for (long i = 0; i < messages; ++i) {
      const auto& payload = payloads[static_cast<std::size_t>(i % agents)];
      check(natsConnection_Publish(connection, subjects[static_cast<std::size_t>(i % agents)].c_str(), payload.data(),
                                   static_cast<int>(payload.size())));
      if (per_second > 0 && i % 100 == 0) std::this_thread::sleep_until(begun + 1s * i / per_second);
    }
    check(natsConnection_FlushTimeout(connection, 60'000));
    natsConnection_Destroy(connection);
    nats_Close();
    return 0;
  }
};

class Bench {
 public:
  Bench(int agents, long messages) : agents_(agents), messages_(messages), port_(test::free_port()) {
    ChildProcess::Options options;
    options.argv = {"/usr/sbin/nats-server", "-a", "127.0.0.1", "-p", std::to_string(port_)};
    options.pipe_stdio = false;
    options.on_stderr_line = [](std::string_view) {};
    server_ = std::make_unique<ChildProcess>(options);
    std::this_thread::sleep_for(500ms);
  }

  double bare() {
    natsConnection* connection = nullptr;
    natsSubscription* subscription = nullptr;
    check(natsConnection_ConnectTo(&connection, url().c_str()));
    std::atomic<long> heard{0};
    check(natsConnection_Subscribe(
        &subscription, connection, "hm.agent.heartbeat.*",
        [](natsConnection*, natsSubscription*, natsMsg* message, void* count) {
          static_cast<std::atomic<long>*>(count)->fetch_add(1, std::memory_order_relaxed);
          natsMsg_Destroy(message);
        },
        &heard));
    check(natsSubscription_SetPendingLimits(subscription, -1, -1));
    check(natsConnection_FlushTimeout(connection, 5000));
    const double cost = send_and_wait(messages_, 0, [&] { return heard.load(); });
    natsConnection_Close(connection);
    natsSubscription_Destroy(subscription);
    natsConnection_Destroy(connection);
    return cost;
  }

  // The whole monitor but for its conversation with a director: intake, judgement, decisions.
  double monitored(long messages, int per_second) {
    struct NoHands final : Hands {
      void probe(const std::string&) override {}
      void repair(const RepairOrder&) override {}
      std::vector<RepairOutcome> outcomes() override { return {}; }
      void tell(Notice) override {}
    } hands;
    SystemClock clock;
    SystemRandom random;
    MonitorSettings settings;
    settings.liveness.interval = 1s;
    settings.liveness.timeout = 3s;
    Monitor monitor(settings, hands, random);
    Plugins plugins({}, Log::discard());
    HeartbeatIntake intake(monitor, plugins, clock, Log::discard());
    monitor.learn(fleet(), clock.monotonic());
    Bus::Ears ears;
    ears.heartbeat = [&](std::string_view agent, std::string_view payload) { intake.take(agent, payload); };
    ears.alert = ears.shutdown = [](std::string_view, std::string_view) {};
    ears.director_alert = ears.changed = [](std::string_view) {};
    ears.interrupted = [] {};
    NatsBus bus({.url = url()}, ears, Log::discard());
    Worker judge([&] {
      monitor.liveness().bus_proved(clock.monotonic());
      monitor.step(clock.monotonic(), clock.now());
      return std::chrono::ceil<std::chrono::milliseconds>(settings.liveness.judge_every());
    });
    return send_and_wait(messages, per_second, [&] { return static_cast<long>(monitor.liveness().heartbeats()); });
  }

  double ruby() const {
    TempDir folder;
    std::string lines;
    for (int i = 0; i < agents_; ++i) lines += heartbeat(i) + "\n";
    write_file_atomically(folder.path() / "beats", lines);
    const auto count = std::to_string((messages_ + agents_ - 1) / agents_);
    ProcessSpec spec;
    spec.argv = {"/usr/bin/ruby",
                 "-rjson",
                 "-e",
                 "lines = File.readlines(ARGV[0]); t = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID); "
                 "ARGV[1].to_i.times { lines.each { |l| JSON.parse(l) } }; "
                 "puts((Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - t) * 1000)",
                 (folder.path() / "beats").string(),
                 count};
    return std::stod(run_checked(spec));
  }

 private:
  std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

  Fleet fleet() const {
    Fleet fleet;
    auto& deployment = fleet.deployments["demo"];
    deployment.name = "demo";
    for (int i = 0; i < agents_; ++i) {
      deployment.instances.push_back(
          {.deployment = "demo", .group = "etcd", .id = id_of(i), .index = i, .agent = id_of(i), .cid = "vm"});
    }
    return fleet;
  }

  template <class Heard>
  double send_and_wait(long messages, int per_second, Heard heard) const {
    const double before = processor_ms();
    ChildProcess::Options options;
    options.argv = {std::filesystem::read_symlink("/proc/self/exe").string(),
                    "send",
                    std::to_string(port_),
                    std::to_string(agents_),
                    std::to_string(messages),
                    std::to_string(per_second)};
    options.pipe_stdio = false;
    ChildProcess sender(options);
    const auto deadline = std::chrono::steady_clock::now() + 300s;
    while (heard() < messages) {
      if (std::chrono::steady_clock::now() > deadline) fail("only " + std::to_string(heard()) + " heartbeats came");
      std::this_thread::sleep_for(10ms);
    }
    return processor_ms() - before;
  }

  const int agents_;
  const long messages_;
  const int port_;
  std::unique_ptr<ChildProcess> server_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 6 && std::string(argv[1]) == "send")
      return Sender{std::stoi(argv[2]), std::stoi(argv[3]), std::stol(argv[4]), std::stoi(argv[5])}.run();
    if (argc != 3) fail("two arguments: agents and messages");
    const int agents = std::stoi(argv[1]);
    Bench bench(agents, std::stol(argv[2]));
    const double floor = bench.bare();
    const double ours = bench.monitored(std::stol(argv[2]), 0);
    const double share = bench.monitored(10L * agents, agents) / 10'000 * 100;
    std::cout << ours << " " << floor << " " << bench.ruby() << " " << share << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "slipway-bench-heartbeats: " << error.what() << "\n";
    return 1;
  }
}
