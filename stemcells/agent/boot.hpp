#pragma once

#include "stemcells/agent/node_log.hpp"
#include "stemcells/agent/settings.hpp"

namespace slipway::agent {

// What a node needs before its agent can speak: network, ephemeral disk on data/, the
// layout, users' keys. Repeats safely after a restart of the agent. `system` false leaves
// everything but the layout alone.
void boot_node(const Settings& settings, const AgentConfig& config, const Paths& paths, bool system, const NodeLog& log);

}  // namespace slipway::agent
