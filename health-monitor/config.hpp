#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"
#include "health-monitor/director/director_client.hpp"
#include "health-monitor/monitor.hpp"

namespace slipway::health {

// The monitor's one file. `slipway-health-monitor init` writes a working one.
struct MonitorConfig {
  std::string director_url, director_ca_file, director_user, director_password_file;
  int poll_seconds = 0;  // between two looks at everything; what changes is told at once
  int lease_seconds = 0;
  MonitorSettings monitor;
  RepairOptions repair;
  std::string listen_address, certificate_file, private_key_file;
  int port = 0;
  Json plugins = Json::array();
  std::string log_file, log_level;
};

// Fault::invalid with every problem of the file.
MonitorConfig read_monitor_config(Config& file);

// Those the configuration lists; the event log is always there. Reads the files of secrets it names.
std::vector<std::unique_ptr<Plugin>> make_plugins(const Json& list, Log log);

struct InitOptions {
  std::string folder;   // made; must hold no configuration yet
  std::string address;  // where figures can be had
  std::string director_url, director_ca_file, director_user = "health-monitor", director_password_file;
  int port = 25923;
  int interval_ms = 0, timeout_ms = 0, grace_seconds = 0;  // 0: the defaults
};
// Returns the lines to show. Secrets are copied into files of 0600.
std::vector<std::string> init_monitor(const InitOptions& options);

}  // namespace slipway::health
