#pragma once

#include <string>
#include <vector>

#include "director/planner/plan.hpp"

namespace slipway::director {

// Instances whose agent does not answer and which the plan leaves alone: each costs itself only.
std::vector<std::string> left_alone(const Desired& desired, const World& world, const Plan& plan);

// Throws Fault::conflict (450002) that names every instance the plan must touch though its agent
// does not answer, unless `fix` was asked for.
void refuse_silent(const Desired& desired, const World& world, const Plan& plan);

}  // namespace slipway::director
