#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "director/planner/plan.hpp"
#include "director/store/stores.hpp"

// Disks of `persistent_disks`: a cloud's disk that the agent links below /var/vcap/instance/disks under its name, and
// that only the instance's jobs format and mount. Source: contracts/agent-cpi.md, "update_settings".
namespace slipway::director {

// [{name, cid}] of the active ones, as update_settings takes them.
Json disk_associations(Disks& disks, const InstanceId& instance);

// An instance's spec says which it was last given: what is missing of them one day is missed. A spec without any is
// BOSH's.
void put_named_disks(const PlannedInstance& planned, Json& spec);
std::vector<std::string> named_disks_in(const Json& spec);

}  // namespace slipway::director
