#pragma once

#include <set>
#include <string>

#include "director/domain/cloud_config.hpp"
#include "director/domain/reader.hpp"

namespace slipway::director {

// Reads one entry of `networks`. `az_names` are the zones the config knows.
Network parse_network(const Json& value, const std::string& place, const std::set<std::string>& az_names,
                      Problems& problems);

}  // namespace slipway::director
