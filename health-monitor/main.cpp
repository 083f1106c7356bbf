#include <iostream>

#include "base/command_line.hpp"
#include "base/file.hpp"
#include "base/stop_signals.hpp"
#include "health-monitor/daemon.hpp"

namespace options = boost::program_options;
using namespace slipway;
using namespace slipway::health;

namespace {

constexpr const char* usage = R"(slipway-health-monitor: finds what is down and has the director repair it

  slipway-health-monitor --config FILE                   run
  slipway-health-monitor --config FILE --check-config    say what is wrong with the file and stop
  slipway-health-monitor init --folder DIR --address IP --director-url URL --director-ca FILE
                              --director-password-file FILE [--director-user NAME] [--port N]
                              [--interval-ms N] [--timeout-ms N] [--grace-seconds N]
                                                         make a first configuration
  slipway-health-monitor config-reference                every key of the configuration, as Markdown

Exit codes: 0 fine, 1 it failed, 2 wrong usage.
)";

constexpr const char* plugins_reference = R"(
## Plugins

```yaml
plugins:
- type: webhook
  url: https://hooks.example.com/slipway
  ca_file: /etc/ssl/hooks.pem                # else the system's authorities
  authorization_file: /etc/slipway/hook.txt  # its first line is the header's value
  least_severe: 4                            # 1 alert, 2 critical, 3 error, 4 warning, 5 news
- type: email
  host: smtp.example.com
  port: 587
  tls: starttls                              # or implicit, or none; no password without
  user: monitor
  password_file: /etc/slipway/smtp.txt
  from: slipway@example.com
  to: [oncall@example.com]
  least_severe: 3
  pause_seconds: 10                          # what comes up meanwhile is in the next mail
- type: process
  command: [/usr/local/bin/pager, --json]    # a line of JSON on its standard input for each notice
  heartbeats: true                           # and each heartbeat that is looked into
```
)";

int run(const Words& words) {
  std::string file;
  bool check_only = false;
  options::options_description known;
  known.add_options()("config", options::value(&file)->required())("check-config", options::bool_switch(&check_only));
  read_options(known, words);
  auto reader = Config::load(file);
  const auto config = read_monitor_config(reader);
  if (check_only) {
    make_plugins(config.plugins, Log::discard());
    for (const auto& named :
         {config.director_ca_file, config.director_password_file, config.certificate_file, config.private_key_file})
      read_file(named, 1u << 20);
    std::cout << file << " is fine\n";
    return 0;
  }
  const StopSignals stop;
  auto log = Log::to("health-monitor", config.log_file, config.log_level);
  Daemon daemon(config, log);
  log.info("health-monitor.stopping", {{"signal", std::to_string(stop.wait())}});
  return 0;
}

int init(const Words& words) {
  InitOptions init;
  options::options_description known;
  known.add_options()("folder", options::value(&init.folder)->required())(
      "address", options::value(&init.address)->required())("director-url",
                                                            options::value(&init.director_url)->required())(
      "director-ca", options::value(&init.director_ca_file)->required())(
      "director-user", options::value(&init.director_user))("director-password-file",
                                                            options::value(&init.director_password_file)->required())(
      "port", options::value(&init.port))("interval-ms", options::value(&init.interval_ms))(
      "timeout-ms", options::value(&init.timeout_ms))("grace-seconds", options::value(&init.grace_seconds));
  read_options(known, words);
  for (const auto& line : init_monitor(init)) std::cout << line << "\n";
  return 0;
}

int dispatch(const Words& words) {
  const auto word = words.empty() ? "" : words.front();
  if (word.empty() || word == "--help" || word == "-h" || word == "help") {
    std::cout << usage;
    return word.empty() ? 2 : 0;
  }
  if (word == "init") return init({words.begin() + 1, words.end()});
  if (word == "config-reference") {
    auto config = Config::describing();
    read_monitor_config(config);
    std::cout << config.reference_markdown("slipway-health-monitor configuration") << plugins_reference;
    return 0;
  }
  return run(words);
}

}  // namespace

int main(int argc, char** argv) { return run_program("slipway-health-monitor", argc, argv, dispatch); }
