#pragma once

#include <string>
#include <vector>

#include "stemcells/agent/node_log.hpp"
#include "stemcells/agent/paths.hpp"

namespace slipway::agent {

// The node's own resolver, where the stemcell brings one: dnsmasq as unit slipway-dns, at an
// address that containers of the node reach as well. It answers for instances and asks
// `servers` for all else. Returns the servers programs of the node are to ask, in order: the
// network's stay behind it, for the moments when it does not run. Never fails: a node without
// it still does its work.
std::vector<std::string> start_resolver(const std::vector<std::string>& servers, const Paths& paths,
                                        const NodeLog& log);

}  // namespace slipway::agent
