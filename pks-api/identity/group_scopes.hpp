#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace slipway::pks {

// What members of a group that others keep (a directory, an issuer) may do here, by the group's name.
using GroupScopes = std::map<std::string, std::vector<std::string>>;

// {GROUP: [SCOPE…]}. `key`: its place in the configuration. Fault::invalid, naming key and group.
GroupScopes read_group_scopes(const Json& value, const std::string& key);

// Of all groups together, each scope once.
std::vector<std::string> scopes_of(const GroupScopes& scopes, const std::vector<std::string>& groups);

// Those that a cluster can be told of; others are left out.
std::vector<std::string> groups_for_clusters(const std::vector<std::string>& groups);

}  // namespace slipway::pks
