#pragma once

#include <string>

#include "base/json.hpp"

namespace slipway::agent {

// Every name a query can ask the node's resolver for, in hosts format, from a DNS blob's
// record_keys and record_infos: each instance by id and index, and its group as a whole or by
// zones ("q-s0", "q-a1a2s0"), both by short names as well ("q-m1n2s0.q-g3", "q-a1n2s0.q-g3", "q-s0.q-g3"; the group of
// the instance and those of its links), with the health words "s0", "s3" and "s4", which mean the same
// here. Zones are combined while a group spans four at most; beyond, each stands alone.
// Infos that are no address or no name are left out.
// Source: contracts/agent-cpi.md, "DNS blob"; contracts/director-api.md section 7.
std::string query_hosts(const Json& records);

}  // namespace slipway::agent
