#pragma once

#include <string>
#include <vector>

#include "stemcells/agent/node_log.hpp"

namespace slipway::agent {

// Has systemd-timesyncd ask these servers for the time, where the stemcell starts it: a machine's clock drifts, a
// container's is its host's. Throws when systemd refuses.
void set_time_servers(const std::vector<std::string>& servers, const NodeLog& log);

// Its configuration: the servers that are names or addresses. Empty without any.
std::string time_configuration(const std::vector<std::string>& servers);

}  // namespace slipway::agent
