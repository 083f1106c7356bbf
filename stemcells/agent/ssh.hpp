#pragma once

#include <string>

#include "base/json.hpp"
#include "stemcells/agent/settings.hpp"

namespace slipway::agent {

// A short-lived account for `bosh ssh`: its name must begin with "bosh_". Returns
// {command, status, ip, host_public_key}.
Json ssh_setup(const Json& parameters, const Settings& settings, const Paths& paths);
// Removes the accounts that begin with "bosh_" and match "user_regex".
Json ssh_cleanup(const Json& parameters, const Paths& paths);

}  // namespace slipway::agent
