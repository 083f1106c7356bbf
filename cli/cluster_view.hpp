#pragma once

#include <string>

#include "base/json.hpp"

namespace slipway::cli {

// Fields of the API's objects as text; absent is empty.
std::string field(const Json& object, const std::string& key);

std::string cluster_block(const Json& cluster);
std::string cluster_details_block(const Json& details);

// For a path or a URL. UsageError unless it is a name a cluster can have.
std::string checked_cluster_name(const std::string& name);

}  // namespace slipway::cli
