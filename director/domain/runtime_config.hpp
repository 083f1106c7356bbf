#pragma once

#include <map>
#include <string>
#include <vector>

#include "director/domain/cloud_config.hpp"
#include "director/domain/manifest.hpp"

// What the operator adds to every deployment: addons, the releases they are from, variables
// and tags. Source: BOSH's runtime config; contracts/director-api.md section 3.2.
namespace slipway::director {

struct RuntimeConfig {
  std::vector<ReleaseUse> releases;  // of exact versions
  std::vector<Addon> addons;
  std::vector<VariableDefinition> variables;
  std::map<std::string, std::string> tags;
};

// Several named configs are one: lists are joined, `tags` may stand in one only.
// Throws Fault::invalid with all problems, each with its wire code.
RuntimeConfig parse_runtime_config(const std::vector<NamedConfig>& configs);

// The manifest as if it said what the runtime config says. Its own tags win. Releases go to
// `runtime_releases`: only an addon that applies needs them. A variable of both is a problem.
void add_runtime_config(const RuntimeConfig& runtime, Manifest& manifest);

}  // namespace slipway::director
