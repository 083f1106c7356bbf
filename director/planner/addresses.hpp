#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "director/planner/plan.hpp"

namespace slipway::director {

// Which addresses are taken, and the lowest free one of a subnet. Reading all of a network's
// addresses off costs one pass over it, however many instances ask.
class AddressBook {
 public:
  AddressBook(const std::vector<IpRecord>& reserved, const std::vector<std::string>& director_addresses);

  // Whoever holds it by now; nullptr when it is free. The director's own have no holder's name.
  const IpRecord* holder(Ipv4 ip) const;
  bool taken(Ipv4 ip) const { return taken_.count(ip.value) != 0; }
  void take(Ipv4 ip) { taken_.insert(ip.value); }

  // Whether an instance in `az` that has this address of the network may keep it.
  static bool may_keep(const Network& network, const std::string& az, Ipv4 ip);

  // The lowest free address for an instance in `az`, taken by that; nullopt when there is none.
  std::optional<Ipv4> take_lowest(const Network& network, const std::string& az);

 private:
  std::optional<Ipv4> take_from(const Subnet& subnet, NetworkType type);
  std::optional<Ipv4> take_vip(const Subnet& subnet);

  std::unordered_set<std::uint32_t> taken_;
  std::unordered_map<std::uint32_t, const IpRecord*> holders_;
  std::unordered_map<const Subnet*, std::uint64_t> next_;  // below it nothing is free
};

}  // namespace slipway::director
