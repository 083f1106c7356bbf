#include <malloc.h>
#include <nats/nats.h>
#include <signal.h>
#include <sys/resource.h>

#include <iostream>
#include <thread>

#include "base/file.hpp"
#include "stemcells/agent/agent.hpp"
#include "stemcells/agent/boot.hpp"
#include "stemcells/agent/network.hpp"
#include "stemcells/agent/start_program.hpp"

namespace {

using namespace slipway;
using namespace slipway::agent;

struct CommandLine {
  std::string config = "/var/vcap/bosh/agent.json";
  std::string base = "/var/vcap";
  std::string etc = "/etc";
  bool systemd = true;
  bool help = false;
};

constexpr const char* usage =
    "bosh-agent: the agent of one node\n"
    "  -C FILE         agent.json: where settings come from\n"
    "  -b FOLDER       base folder, default /var/vcap\n"
    "  -P, -M NAME     accepted for BOSH's command line, ignored\n"
    "  --no-systemd    watch processes directly and leave the machine's network and disks alone\n"
    "  --etc FOLDER    where hosts and resolv.conf are written, default /etc\n"
    "Example: bosh-agent -C /var/vcap/bosh/agent.json -b /var/vcap\n";

CommandLine parse_command_line(int argc, char** argv) {
  CommandLine line;
  for (int index = 1; index < argc; ++index) {
    const std::string word = argv[index];
    const auto value = [&]() -> std::string {
      if (index + 1 >= argc) throw Error(Fault::invalid, word + " needs a value");
      return argv[++index];
    };
    if (word == "-C") {
      line.config = value();
    } else if (word == "-b") {
      line.base = value();
    } else if (word == "--etc") {
      line.etc = value();
    } else if (word == "-P" || word == "-M") {
      value();
    } else if (word == "--no-systemd") {
      line.systemd = false;
    } else if (word == "-h" || word == "--help") {
      line.help = true;
    } else {
      throw Error(Fault::invalid, "unknown option '" + word + "'");
    }
  }
  return line;
}

// One heap and small stacks: a node has better use for its memory.
void keep_small() {
  // libnats adds the system's authorities to the bus's own: a megabyte of certificates, none of
  // which may vouch for the bus. script_environment() keeps it from the jobs.
  ::setenv("SSL_CERT_FILE", "/dev/null", 1);
  ::setenv("SSL_CERT_DIR", "/dev/null", 1);
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 10);
  ::mallopt(M_MMAP_THRESHOLD, 64 << 10);
}

void run_agent(const CommandLine& line, const NodeLog& log, const sigset_t& signals) {
  const Paths paths{.base = line.base, .etc = line.etc};
  const AgentConfig config = parse_agent_config(parse_json(read_file(line.config, 1u << 20), line.config));
  make_folder(paths.bosh(), 0755);
  const Json boot = fetch_boot_settings(config, paths);
  const Settings settings = effective_settings(boot, load_update_settings(paths));
  boot_node(settings, config, paths, line.systemd, log);
  Agent agent({.paths = paths,
               .systemd = line.systemd,
               .skip_disk_setup = config.skip_disk_setup,
               .heartbeat_seconds = settings.heartbeat_seconds.value_or(config.heartbeat_seconds)},
              boot, log);
  agent.start();
  log.info("agent.started", {{"agent_id", settings.agent_id}});
  std::thread announcer([&] {
    if (line.systemd) announce_addresses(settings, log);
  });
  std::thread signal_waiter([&] {
    int signal = 0;
    ::sigwait(&signals, &signal);
    agent.stop();
  });
  ::malloc_trim(0);
  agent.run();
  ::kill(::getpid(), SIGTERM);  // wakes the waiter when it was the director who ended us
  signal_waiter.join();
  announcer.join();
  log.info("agent.stopped");
}

}  // namespace

int main(int argc, char** argv) {
  // How a job's unit starts its process: --start-program PIDFILE SECONDS PROGRAM ARG…
  if (argc > 4 && std::string_view(argv[1]) == "--start-program") {
    return run_start_program(argv[2], std::chrono::seconds(std::atoi(argv[3])), {argv + 4, argv + argc});
  }
  keep_small();
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  try {
    const CommandLine line = parse_command_line(argc, argv);
    if (line.help) {
      std::cout << usage;
      return 0;
    }
    run_agent(line, NodeLog::to_stderr(), signals);
    nats_Close();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "bosh-agent: " << error.what() << "\n";
    return 1;
  }
}
