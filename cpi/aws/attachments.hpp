#pragma once

#include "cpi/aws/api/api.hpp"
#include "cpi/aws/instance.hpp"
#include "cpi/aws/vm_wish.hpp"

namespace slipway::cpi::aws {

// What points at an instance from outside: its Elastic IP, routes, load balancers. Each step sets what
// shall be, so that all may be done again. Throws as AWS does, and VMCreationFailed for an address or
// target group that is not there.
void point_at_instance(const Api& api, const Instance& instance, const VmWish& wish);

}  // namespace slipway::cpi::aws
