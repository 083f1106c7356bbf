#pragma once

#include <string>

#include "base/json.hpp"
#include "cli/terminal.hpp"

namespace slipway::cli {

// Fields of the API's objects as text; absent is empty.
std::string field(const Json& object, const std::string& key);

std::string sink_url(const Json& sink);   // "syslog-tls://HOST:PORT"
std::string sink_text(const Json& sink);  // "NAME=URL"

std::string cluster_block(const Json& cluster);
std::string cluster_details_block(const Json& details);

// What an order's command ends with: the cluster as JSON, its block when it was waited for, else how to
// follow it.
void show_order(Terminal& terminal, const Json& cluster, bool waited, bool json);

// For a path or a URL. UsageError unless it is a name a cluster can have.
std::string checked_cluster_name(const std::string& name);

}  // namespace slipway::cli
