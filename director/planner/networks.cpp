#include "director/planner/networks.hpp"

#include <algorithm>

#include "director/domain/names.hpp"

namespace slipway::director {

namespace {

const Subnet* subnet_for(const Network& network, const std::string& az, std::optional<Ipv4> ip) {
  if (network.type == NetworkType::manual && ip) return network.subnet_of(*ip);
  if (network.type == NetworkType::vip && ip) {
    for (const auto& subnet : network.subnets) {
      if (subnet.static_ips.contains(*ip)) return &subnet;
    }
  }
  for (const auto& subnet : network.subnets) {
    if (subnet.serves(az)) return &subnet;
  }
  return network.subnets.empty() ? nullptr : &network.subnets.front();
}

}  // namespace

Json network_settings(const Network& network, const NetworkUse& use, const std::string& az, std::optional<Ipv4> ip) {
  Json out = {{"type", to_string(network.type)}, {"cloud_properties", Json::object()}};
  const auto* subnet = subnet_for(network, az, ip);
  if (ip) out["ip"] = ip->to_string();
  if (subnet != nullptr) {
    out["cloud_properties"] = subnet->cloud_properties;
    if (subnet->range) out["netmask"] = subnet->range->netmask();
    if (subnet->gateway) out["gateway"] = subnet->gateway->to_string();
    if (!subnet->dns.empty()) out["dns"] = subnet->dns;
  }
  Json defaults = Json::array();
  if (use.default_addressable) defaults.push_back("addressable");
  if (use.default_dns) defaults.push_back("dns");
  if (use.default_gateway) defaults.push_back("gateway");
  if (!defaults.empty()) out["default"] = std::move(defaults);
  if (use.nic_group) out["nic_group"] = std::to_string(*use.nic_group);
  return out;
}

std::string dns_name(const std::string& host, const std::string& group, const std::string& network,
                     const std::string& deployment, const std::string& domain) {
  return host + "." + canonical_name(group) + "." + canonical_name(network) + "." + canonical_name(deployment) + "." +
         domain;
}

std::string short_dns_name(std::int64_t instance, std::int64_t network, std::int64_t group, const std::string& domain) {
  return "q-m" + std::to_string(instance) + "n" + std::to_string(network) + "s0.q-g" + std::to_string(group) + "." + domain;
}

}  // namespace slipway::director
