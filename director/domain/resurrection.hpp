#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"

// Configs of the type "resurrection": which instances are made anew without being asked for.
// Source: BOSH's resurrection config; contracts/director-api.md section 6.
namespace slipway::director {

struct ResurrectionRule {
  struct Filter {
    std::vector<std::string> deployments, instance_groups;  // empty: any
    bool empty() const { return deployments.empty() && instance_groups.empty(); }
    bool matches(const std::string& deployment, const std::string& group) const;
  };
  bool enabled = true;
  Filter include, exclude;  // an empty exclude leaves out nobody
};

// Fault::invalid with all problems and their places.
std::vector<ResurrectionRule> parse_resurrection_config(const Json& config);

// Every rule that applies has to allow it; without one it is allowed.
bool resurrection_enabled(const std::vector<ResurrectionRule>& rules, const std::string& deployment,
                          const std::string& group);

}  // namespace slipway::director
