#include "stemcells/agent/resolver.hpp"

#include "base/file.hpp"
#include "base/process.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

constexpr const char* unit_file = "/etc/systemd/system/slipway-dns.service";
constexpr const char* resolver_address = "169.254.0.2";  // as in /etc/slipway-dns.conf
constexpr const char* upstream_file = "/run/slipway-dns/upstream.conf";

void start(const std::vector<std::string>& servers, const Paths& paths) {
  std::string upstream;
  for (const auto& server : servers) upstream += "nameserver " + server + "\n";
  make_folder(fs::path(upstream_file).parent_path(), 0755);
  write_file_atomically(upstream_file, upstream, 0644);
  make_folder(paths.resolver_hosts(), 0755);
  run_checked({.argv = {"/usr/sbin/ip", "address", "replace", std::string(resolver_address) + "/32", "dev", "lo"},
               .timeout = std::chrono::seconds(30)});
  run_checked({.argv = {"/usr/bin/systemctl", "--no-block", "start", "slipway-dns.service"},
               .timeout = std::chrono::seconds(30)});
}

}  // namespace

std::vector<std::string> start_resolver(const std::vector<std::string>& servers, const Paths& paths, const NodeLog& log) {
  if (paths.etc != "/etc" || !fs::exists(unit_file)) return servers;
  try {
    start(servers, paths);
  } catch (const std::exception& error) {
    log.error("resolver.not_started", {{"error", error.what()}});
    return servers;
  }
  std::vector<std::string> all{resolver_address};
  all.insert(all.end(), servers.begin(), servers.end());
  return all;
}

}  // namespace slipway::agent
