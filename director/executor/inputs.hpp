#pragma once

#include <optional>
#include <string>
#include <vector>

#include "director/executor/services.hpp"
#include "director/planner/plan.hpp"

namespace slipway::director {

// Versions of configs by id; unset: the latest of each name.
struct ConfigChoice {
  std::optional<std::vector<std::int64_t>> cloud, runtime;
};

enum class VariableUse {
  generate,  // make what is missing, take the latest of all
  preview,   // likewise, and store nothing
  pinned,    // what the deployment runs with, and make nothing
};

// What a deploy is planned from: manifest and configs with every variable filled in.
struct DeployInputs {
  Manifest manifest;  // with what the runtime configs add
  CloudConfig cloud;
  std::vector<std::int64_t> cloud_config_ids, runtime_config_ids, variable_ids;
};

// Throws Fault::invalid with all problems of the first document that has any.
DeployInputs read_inputs(Services& services, const std::string& deployment, const Json& manifest,
                         const ConfigChoice& configs, VariableUse use);

// The latest cloud configs, joined, with every variable filled in. Fault::invalid when there is none.
CloudConfig read_cloud_config(Services& services, const std::string& deployment);

}  // namespace slipway::director
