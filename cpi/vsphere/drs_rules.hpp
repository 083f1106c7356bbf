#pragma once

#include <string>

#include "cpi/vsphere/vms.hpp"

namespace slipway::cpi::vsphere {

// Anti-affinity: DRS keeps the VMs of one rule on different hosts of their cluster. The rule is made with its
// first VM and goes with its last. vCenter replaces a rule whole, so two who join at once may lose one of
// them: join_rule() looks whether it is in, and callers join again a little later. Idempotent.
void join_rule(Session& session, const VmState& vm, const std::string& rule);
void leave_rule(Session& session, const VmState& vm, const std::string& rule);

}  // namespace slipway::cpi::vsphere
