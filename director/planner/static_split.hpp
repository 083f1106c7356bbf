#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ip_range.hpp"

namespace slipway::director {

// Static addresses of one network that are still to be given, each with the AZs whose subnets have it.
using StaticChoices = std::map<Ipv4, std::vector<std::string>>;
using StaticSplit = std::map<Ipv4, std::string>;  // which AZ each address serves in

// The split of each network's addresses over AZs that leaves the AZs with the most equal numbers
// of instances, `placed` counting those they have already. All networks give an AZ the same number.
// nullopt where no such split was found, or an address fits no AZ.
std::optional<std::vector<StaticSplit>> split_evenly(const std::vector<StaticChoices>& networks,
                                                     const std::map<std::string, std::size_t>& placed);

}  // namespace slipway::director
