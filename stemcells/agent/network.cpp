#include "stemcells/agent/network.hpp"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <sstream>
#include <thread>

#include "base/file.hpp"
#include "base/process.hpp"
#include "stemcells/agent/resolver.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

std::string lower_mac(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Cards of the machine itself, by contrast with what its containers get. A container has none.
bool is_card(const std::string& interface) {
  std::error_code ignored;
  return fs::exists(fs::path("/sys/class/net") / interface / "device", ignored);
}

// Of a network without MAC: the only card, or where there is no card the only interface.
std::string only_interface(const std::map<std::string, std::string>& by_mac) {
  std::vector<std::string> cards, all;
  for (const auto& [mac, interface] : by_mac) {
    all.push_back(interface);
    if (is_card(interface)) cards.push_back(interface);
  }
  const auto& choice = cards.empty() ? all : cards;
  return choice.size() == 1 ? choice.front() : std::string();
}

std::map<std::string, std::string> interfaces_by_mac() {
  std::map<std::string, std::string> found;
  for (const auto& entry : fs::directory_iterator("/sys/class/net")) {
    const std::string name = entry.path().filename().string();
    if (name == "lo") continue;
    try {
      std::string mac = read_file(entry.path() / "address", 64);
      mac.erase(mac.find_last_not_of(" \n") + 1);
      found[lower_mac(mac)] = name;
    } catch (const Error&) {  // it went away between listing and reading
    }
  }
  return found;
}

std::string interface_for(const NetworkSettings& network) {
  constexpr auto limit = 30s;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto interfaces = interfaces_by_mac();
    const auto found = interfaces.find(lower_mac(network.mac));
    if (found != interfaces.end()) return found->second;
    const auto only = network.mac.empty() ? only_interface(interfaces) : std::string();
    if (!only.empty()) return only;
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error(Fault::not_found, "network '" + network.name + "': no interface has the MAC address '" +
                                        network.mac + "' (" + std::to_string(interfaces.size()) + " interfaces)");
    }
    std::this_thread::sleep_for(100ms);
  }
}

void ip(std::vector<std::string> words) {
  words.insert(words.begin(), "/usr/sbin/ip");
  run_checked({.argv = std::move(words), .timeout = 30s});
}

void configure_static(const NetworkSettings& network, const std::string& interface) {
  if (!is_ip_address(network.ip)) throw Error(Fault::invalid, "network '" + network.name + "': ip '" + network.ip + "'");
  ip({"address", "replace", network.ip + "/" + std::to_string(prefix_length(network.netmask)), "brd", "+", "dev", interface});
  ip({"link", "set", interface, "up"});
  if (network.default_gateway && is_ip_address(network.gateway)) {
    ip({"route", "replace", "default", "via", network.gateway, "dev", interface});
  }
  for (const auto& route : network.routes) {
    if (!is_ip_address(route.destination) || !is_ip_address(route.gateway)) continue;
    ip({"route", "replace", route.destination + "/" + std::to_string(prefix_length(route.netmask)), "via",
        route.gateway, "dev", interface});
  }
}

bool is_there(const fs::path& file, const std::string& text) { return fs::exists(file) && read_file(file) == text; }

bool networkd_runs() {
  return run({.argv = {"/usr/bin/systemctl", "is-active", "--quiet", "systemd-networkd"}, .timeout = 60s}).ok();
}

bool has_address(const std::string& interface) {
  const auto shown = run({.argv = {"/usr/sbin/ip", "-brief", "address", "show", "scope", "global", "dev", interface},
                          .timeout = 30s});
  return shown.ok() && shown.standard_output.find('/') != std::string::npos;
}

void configure_dhcp(const NetworkSettings& network, const std::string& interface, bool only) {
  const fs::path folder = "/etc/systemd/network";
  fs::create_directories(folder);
  const fs::path file = folder / ("10-" + interface + ".network");
  const std::string text = dhcp_configuration(network, interface, only);
  // A restart gives the lease back: an agent that begins anew leaves the node's connections alone.
  if (!is_there(file, text) || !networkd_runs()) {
    write_file_atomically(file, text);
    run_checked({.argv = {"/usr/bin/systemctl", "restart", "systemd-networkd"}, .timeout = 60s});
  }
  constexpr auto limit = 30s;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!has_address(interface)) {
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error(Fault::retryable, "no DHCP server gave " + interface + " an address within 30 s");
    }
    std::this_thread::sleep_for(200ms);
  }
}

std::vector<std::string> dns_servers(const Settings& settings) {
  std::vector<std::string> servers;
  for (const auto& network : settings.networks) {
    if (!network.default_dns && settings.networks.size() > 1) continue;
    for (const auto& server : network.dns) {
      if (is_ip_address(server)) servers.push_back(server);
    }
  }
  return servers;
}

void write_resolv_conf(const std::vector<std::string>& servers, const Paths& paths) {
  if (servers.empty()) return;
  std::string text;
  for (const auto& server : servers) text += "nameserver " + server + "\n";
  std::error_code ignored;
  const fs::path file = paths.etc / "resolv.conf";
  if (fs::is_symlink(file)) fs::remove(file, ignored);
  write_file_atomically(file, text);
}

void set_hostname(const Settings& settings, const Paths& paths) {
  if (paths.etc == "/etc" && ::sethostname(settings.agent_id.data(), settings.agent_id.size()) != 0) {
    throw Error(Fault::internal, "cannot set the hostname");
  }
  write_file_atomically(paths.etc / "hostname", settings.agent_id + "\n");
  const fs::path hosts = paths.etc / "hosts";
  if (fs::exists(hosts) && read_file(hosts).find(settings.agent_id) != std::string::npos) return;
  write_file_atomically(hosts, "127.0.0.1 localhost " + settings.agent_id +
                                   "\n::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\n");
}

}  // namespace

bool is_ip_address(const std::string& text) {
  in6_addr address{};
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1 || ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

int prefix_length(const std::string& netmask) {
  in_addr v4{};
  if (::inet_pton(AF_INET, netmask.c_str(), &v4) == 1) {
    const std::uint32_t mask = ntohl(v4.s_addr);
    const int ones = std::popcount(mask);
    if (mask == (ones == 0 ? 0u : ~0u << (32 - ones))) return ones;
  }
  in6_addr v6{};
  if (::inet_pton(AF_INET6, netmask.c_str(), &v6) == 1) {
    int ones = 0;
    for (const unsigned char byte : v6.s6_addr) ones += std::popcount(byte);
    return ones;
  }
  throw Error(Fault::invalid, "'" + netmask + "' is no netmask");
}

std::string dhcp_configuration(const NetworkSettings& network, const std::string& interface, bool only) {
  // A cloud tells the largest packet by DHCP as well.
  std::string text =
      "[Match]\nName=" + interface + "\n\n[Network]\nDHCP=yes\n\n[DHCP]\nUseDomains=yes\nUseMTU=yes\n";
  if (!network.default_gateway && !only) text += "UseRoutes=no\n";
  for (const auto& route : network.routes) {
    if (!is_ip_address(route.destination) || !is_ip_address(route.gateway)) continue;
    text += "\n[Route]\nDestination=" + route.destination + "/" + std::to_string(prefix_length(route.netmask)) +
            "\nGateway=" + route.gateway + "\n";
  }
  return text;
}

std::vector<std::string> dns_servers_of_leases(const std::string& state) {
  std::vector<std::string> servers;
  std::istringstream lines(state);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("DNS=")) continue;
    std::istringstream words(line.substr(4));
    for (std::string word; words >> word;) {
      if (is_ip_address(word)) servers.push_back(word);
    }
  }
  return servers;
}

void configure_network(const Settings& settings, const Paths& paths, const NodeLog& log) {
  bool any = false;
  for (const auto& network : settings.networks) {
    if (network.preconfigured) continue;
    any = true;
    const std::string interface = interface_for(network);
    with_context("network '" + network.name + "'", [&] {
      network.use_dhcp ? configure_dhcp(network, interface, settings.networks.size() == 1)
                       : configure_static(network, interface);
    });
    log.info("network.configured", {{"network", network.name}, {"interface", interface}, {"ip", network.ip}});
  }
  if (!any) return;
  ip({"link", "set", "lo", "up"});
  auto servers = dns_servers(settings);
  const fs::path leases = "/run/systemd/netif/state";
  if (servers.empty() && fs::exists(leases)) servers = dns_servers_of_leases(read_file(leases));
  write_resolv_conf(start_resolver(servers, paths, log), paths);
  set_hostname(settings, paths);
}

void announce_addresses(const Settings& settings, const NodeLog& log) {
  if (!fs::exists("/usr/bin/arping")) return;
  for (const auto& network : settings.networks) {
    if (network.preconfigured || network.use_dhcp || !is_ip_address(network.ip)) continue;
    try {
      run({.argv = {"/usr/bin/arping", "-q", "-U", "-c", "2", "-w", "2", "-I", interface_for(network), network.ip},
           .timeout = 5s});
    } catch (const Error& error) {
      log.warn("network.announce_failed", {{"network", network.name}, {"error", error.what()}});
    }
  }
}

void delete_arp_entries(const std::vector<std::string>& addresses, const NodeLog& log) {
  for (const auto& address : addresses) {
    if (!is_ip_address(address)) continue;
    try {
      run({.argv = {"/usr/sbin/ip", "neigh", "flush", "to", address}, .timeout = 10s});
    } catch (const Error& error) {
      log.warn("network.arp_failed", {{"address", address}, {"error", error.what()}});
    }
  }
}

}  // namespace slipway::agent
