#pragma once

#include <optional>
#include <string>

#include "cpi/contract/cpi.hpp"

namespace slipway::cpi::aws {

// The smallest type of today's general families that has at least so many processors and so much
// memory. Absent: none of the table is as large.
std::optional<std::string> smallest_instance_type(const VmRequirements& requirements);

}  // namespace slipway::cpi::aws
