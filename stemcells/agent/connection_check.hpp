#pragma once

#include <string>

#include "stemcells/agent/monit.hpp"

namespace slipway::agent {

// Tries once, within the check's timeout. Returns what is wrong, empty when nothing is. Certificates are not looked at,
// as nothing secret is sent. An HTTP status below 400 is good.
std::string problem_of(const ConnectionCheck& check);

}  // namespace slipway::agent
