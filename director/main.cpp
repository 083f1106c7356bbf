#include <signal.h>
#include <unistd.h>

#include <iostream>

#include "base/command_line.hpp"
#include "base/stop_signals.hpp"
#include "base/tls.hpp"
#include "director/director.hpp"

namespace options = boost::program_options;
using namespace slipway;
using namespace slipway::director;

namespace {

constexpr const char* usage = R"(slipway-director: provisions VMs and keeps deployments as they shall be

  slipway-director --config FILE                   run
  slipway-director --config FILE --check-config    say what is wrong with the file and stop
  slipway-director init --folder DIR --address IP --cpi=WORD… [--cpi-type TYPE]
                       [--agent-heartbeat-seconds N]
                                                   make a first configuration with all keys; one --cpi
                                                   for each word of the CPI's command line, which CPI
                                                   configs may then use for CPIs of TYPE
  slipway-director hash-password < FILE            the hash for a user's password
  slipway-director config-reference                every key of the configuration, as Markdown

Exit codes: 0 fine, 1 it failed, 2 wrong usage.
)";

int run(const std::string& file, bool check_only) {
  auto reader = Config::load(file);
  const auto config = read_director_config(reader);
  if (check_only) {
    std::cout << file << " is fine\n";
    return 0;
  }
  const StopSignals stop;
  auto log = Log::to("director", config.log_file, config.log_level);
  Director director(config, log, [log] {
    log.error("director.lease_lost", {{"action", "another director runs on this store: this one ends"}});
    ::kill(::getpid(), SIGTERM);
  });
  log.info("director.stopping", {{"signal", std::to_string(stop.wait())}});
  return 0;
}

int init(const Words& arguments) {
  InitOptions init;
  options::options_description known;
  known.add_options()("folder", options::value(&init.folder)->required())(
      "address", options::value(&init.address)->required())("name", options::value(&init.name))(
      "dns-hosts-file", options::value(&init.dns_hosts_file))("port", options::value(&init.port))(
      "blobstore-port", options::value(&init.blobstore_port))("nats-port", options::value(&init.nats_port))(
      "agent-heartbeat-seconds", options::value(&init.agent_heartbeat_seconds))(
      "cpi", options::value(&init.cpi_command)->composing()->required())("cpi-type", options::value(&init.cpi_type));
  read_options(known, arguments);
  for (const auto& line : init_director(init)) std::cout << line << "\n";
  return 0;
}

int hash_password() {
  std::string password;
  std::getline(std::cin, password);
  if (password.empty()) throw UsageError("no password came on standard input");
  std::cout << tls::hash_password(Secret(password)) << "\n";
  return 0;
}

int dispatch(const Words& arguments) {
  const auto word = arguments.empty() ? "" : arguments.front();
  if (word.empty() || word == "--help" || word == "-h" || word == "help") {
    std::cout << usage;
    return word.empty() ? 2 : 0;
  }
  if (word == "init") return init({arguments.begin() + 1, arguments.end()});
  if (word == "hash-password") return hash_password();
  if (word == "config-reference") {
    auto config = Config::describing();
    read_director_config(config);
    std::cout << config.reference_markdown("slipway-director configuration");
    return 0;
  }
  std::string file;
  bool check_only = false;
  options::options_description known;
  known.add_options()("config", options::value(&file)->required())("check-config",
                                                                   options::bool_switch(&check_only));
  read_options(known, arguments);
  return run(file, check_only);
}

}  // namespace

int main(int argc, char** argv) { return run_program("slipway-director", argc, argv, dispatch); }
