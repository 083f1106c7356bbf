#pragma once

#include <optional>
#include <set>
#include <string>
#include <unordered_set>

#include "director/planner/addresses.hpp"
#include "director/planner/placement.hpp"

namespace slipway::director {

// Which address an instance gets in a network: the static one of its seat, the one it holds, or the lowest that is
// free. What cannot be is appended to `problems`, where a network without room is told once an availability zone.
class AddressChoice {
 public:
  // All outlive the object; `staying`: ids of the instances that have a seat.
  AddressChoice(const World& world, const std::string& deployment, const std::unordered_set<std::string>& staying,
                Problems& problems);

  // nullopt on a dynamic network, whose cloud gives the address, and where there is none.
  std::optional<Ipv4> choose(const NetworkUse& use, const Network& network, const Seat& seat,
                             const PlannedInstance& planned);

 private:
  std::optional<Ipv4> fixed(Ipv4 ip, const PlannedInstance& planned);
  static std::optional<Ipv4> held(const NetworkUse& use, const Network& network, const Seat& seat,
                                  const PlannedInstance& planned);

  const std::string& deployment_;
  const std::unordered_set<std::string>& staying_;
  Problems& problems_;
  AddressBook book_;
  std::set<std::string> exhausted_;
};

}  // namespace slipway::director
