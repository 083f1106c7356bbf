#pragma once

#include "director/executor/services.hpp"
#include "director/planner/plan.hpp"

namespace slipway::director {

// What an instance shall be when nobody asks for anything new: what its row and its stored spec say it was last
// deployed as. Its disk is the active one it has. Precondition: the spec is not empty.
PlannedInstance planned_as_stored(Stores& stores, const ActualInstance& actual);

// Its group, as far as the spec knows it: name and watch time.
InstanceGroup group_as_stored(const InstanceRecord& record);

}  // namespace slipway::director
