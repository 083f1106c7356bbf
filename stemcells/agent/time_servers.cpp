#include "stemcells/agent/time_servers.hpp"

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "base/process.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

bool is_host(const std::string& text) {
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == ':';
  });
}

// Masked on stemcells whose nodes have their host's clock.
bool is_offered() {
  std::error_code failed;
  const auto unit = fs::canonical("/etc/systemd/system/systemd-timesyncd.service", failed);
  return !failed && unit != "/dev/null";
}

}  // namespace

std::string time_configuration(const std::vector<std::string>& servers) {
  std::string words;
  for (const auto& server : servers) {
    if (is_host(server)) words += (words.empty() ? "" : " ") + server;
  }
  return words.empty() ? std::string() : "[Time]\nNTP=" + words + "\n";
}

void set_time_servers(const std::vector<std::string>& servers, const NodeLog& log) {
  const auto text = time_configuration(servers);
  if (text.empty() || !is_offered()) return;
  const fs::path folder = "/etc/systemd/timesyncd.conf.d";
  fs::create_directories(folder);
  write_file_atomically(folder / "10-slipway.conf", text);
  run_checked({.argv = {"/usr/bin/systemctl", "--no-block", "restart", "systemd-timesyncd.service"},
               .timeout = std::chrono::seconds(30)});
  log.info("time.servers", {{"count", std::to_string(servers.size())}});
}

}  // namespace slipway::agent
