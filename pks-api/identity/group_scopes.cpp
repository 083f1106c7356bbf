#include "pks-api/identity/group_scopes.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "pks-api/identity/identity.hpp"

namespace slipway::pks {

GroupScopes read_group_scopes(const Json& value, const std::string& key) {
  if (!value.is_object()) throw Error(Fault::invalid, key + " has to be a mapping of {GROUP: [SCOPE…]}");
  GroupScopes scopes;
  for (const auto& [group, list] : value.items()) {
    with_context(key + ", group '" + group.substr(0, 80) + "'", [&] {
      const bool texts = list.is_array() && std::all_of(list.begin(), list.end(), [](const Json& one) {
                           return one.is_string();
                         });
      if (!texts) throw Error(Fault::invalid, "has to be a list of scopes");
      check_scopes(scopes[group] = list.get<std::vector<std::string>>());
    });
  }
  return scopes;
}

std::vector<std::string> scopes_of(const GroupScopes& scopes, const std::vector<std::string>& groups) {
  std::vector<std::string> all;
  for (const auto& group : groups) {
    const auto mapped = scopes.find(group);
    if (mapped == scopes.end()) continue;
    for (const auto& scope : mapped->second) {
      if (std::find(all.begin(), all.end(), scope) == all.end()) all.push_back(scope);
    }
  }
  return all;
}

std::vector<std::string> groups_for_clusters(const std::vector<std::string>& groups) {
  std::vector<std::string> told;
  for (const auto& group : groups) {
    try {
      check_groups({group});
      told.push_back(group);
    } catch (const Error&) {
    }
  }
  return told;
}

}  // namespace slipway::pks
