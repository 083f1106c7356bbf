#pragma once

#include <string>

#include "base/json.hpp"
#include "stemcells/agent/settings.hpp"

namespace slipway::agent {

// A short-lived account for `bosh ssh`: its name must begin with "bosh_". Returns
// {command, status, ip, host_public_key}. With `own_server` the node's sshd, which is off
// otherwise, is started; host keys are made the first time.
Json ssh_setup(const Json& parameters, const Settings& settings, const Paths& paths, bool own_server);
// Removes the accounts that begin with "bosh_" and match "user_regex"; with the last of all such
// accounts sshd is stopped.
Json ssh_cleanup(const Json& parameters, const Paths& paths, bool own_server);

}  // namespace slipway::agent
