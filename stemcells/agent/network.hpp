#pragma once

#include <cstdint>

#include "stemcells/agent/node_log.hpp"
#include "stemcells/agent/settings.hpp"

namespace slipway::agent {

// Gives each NIC, found by its MAC, the address the settings name; routes, resolv.conf,
// hostname. Networks marked preconfigured are left alone. Repeats safely.
void configure_network(const Settings& settings, const Paths& paths, const NodeLog& log);

// Tells the neighbours that these addresses live here now. Never fails.
void announce_addresses(const Settings& settings, const NodeLog& log);

// Forgets what is known about neighbours whose VM moved. Never fails.
void delete_arp_entries(const std::vector<std::string>& addresses, const NodeLog& log);

// systemd-networkd's file for an interface that DHCP gives its address: its routes too, where the network has the
// default gateway or is the `only` one.
std::string dhcp_configuration(const NetworkSettings& network, const std::string& interface, bool only);
// The DNS servers that DHCP told, by systemd-networkd's state file; for settings that name none.
std::vector<std::string> dns_servers_of_leases(const std::string& state);

// "255.255.255.0" → 24. Fault::invalid for anything that is no contiguous mask.
int prefix_length(const std::string& netmask);
// Dotted IPv4 or an IPv6 address, nothing else: safe to hand to a program.
bool is_ip_address(const std::string& text);

}  // namespace slipway::agent
