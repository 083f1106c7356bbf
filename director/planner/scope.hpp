#pragma once

#include "director/planner/plan.hpp"

namespace slipway::director {

// Whether the options speak of this instance. Without only_group they speak of all.
bool in_scope(const DeployOptions& options, const InstanceRecord& record);

// Options that name a group or an instance that is not there.
void check_scope(const Desired& desired, const World& world, Problems& problems);

}  // namespace slipway::director
