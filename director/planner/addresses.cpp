#include "director/planner/addresses.hpp"

#include <algorithm>

namespace slipway::director {

AddressBook::AddressBook(const std::vector<IpRecord>& reserved, const std::vector<std::string>& director_addresses) {
  taken_.reserve(reserved.size() * 2);
  holders_.reserve(reserved.size() * 2);
  for (const auto& record : reserved) {
    const auto ip = Ipv4::parse(record.address);
    if (!ip) continue;
    taken_.insert(ip->value);
    holders_.emplace(ip->value, &record);
  }
  for (const auto& address : director_addresses) {
    if (const auto ip = Ipv4::parse(address)) taken_.insert(ip->value);
  }
}

const IpRecord* AddressBook::holder(Ipv4 ip) const {
  const auto at = holders_.find(ip.value);
  return at == holders_.end() ? nullptr : at->second;
}

bool AddressBook::may_keep(const Network& network, const std::string& az, Ipv4 ip) {
  if (network.type == NetworkType::vip) {
    return std::any_of(network.subnets.begin(), network.subnets.end(), [&](const Subnet& subnet) {
      return subnet.static_ips.contains(ip) && (subnet.azs.empty() || subnet.serves(az));
    });
  }
  const auto* subnet = network.subnet_of(ip);
  if (subnet == nullptr || !subnet->serves(az)) return false;
  const auto range = subnet->range->range();
  return ip != range.first && ip != range.last && ip != subnet->gateway && !subnet->reserved.contains(ip) &&
         !subnet->static_ips.contains(ip);
}

std::optional<Ipv4> AddressBook::take_lowest(const Network& network, const std::string& az) {
  for (const auto& subnet : network.subnets) {
    const bool serves = subnet.serves(az) || (network.type == NetworkType::vip && subnet.azs.empty());
    if (!serves) continue;
    if (const auto ip = take_from(subnet, network.type)) return ip;
  }
  return std::nullopt;
}

std::optional<Ipv4> AddressBook::take_from(const Subnet& subnet, NetworkType type) {
  if (type == NetworkType::vip) return take_vip(subnet);
  if (!subnet.range) return std::nullopt;
  const auto range = subnet.range->range();
  auto& next = next_.try_emplace(&subnet, std::uint64_t{range.first.value} + 1).first->second;
  for (; next < range.last.value; ++next) {
    const Ipv4 ip{static_cast<std::uint32_t>(next)};
    if (const auto* skipped = subnet.reserved.containing(ip)) next = skipped->last.value;
    else if (const auto* fixed = subnet.static_ips.containing(ip)) next = fixed->last.value;
    else if (ip != subnet.gateway && taken_.insert(ip.value).second) {
      ++next;
      return ip;
    }
  }
  return std::nullopt;
}

std::optional<Ipv4> AddressBook::take_vip(const Subnet& subnet) {
  auto& next = next_.try_emplace(&subnet, 0).first->second;
  for (const auto& range : subnet.static_ips.ranges()) {
    for (next = std::max<std::uint64_t>(next, range.first.value); next <= range.last.value; ++next) {
      const Ipv4 ip{static_cast<std::uint32_t>(next)};
      if (!taken_.insert(ip.value).second) continue;
      ++next;
      return ip;
    }
  }
  return std::nullopt;
}

}  // namespace slipway::director
