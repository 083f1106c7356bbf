#pragma once

#include <string>
#include <vector>

#include "stemcells/agent/blobs.hpp"

namespace slipway::agent {

// Packs the logs of the types ("job", "agent", "system", several joined by commas) whose names match
// one of the globs (none: all; "**/" crosses folders) into `archive`. Fault::invalid for another type.
void pack_logs(const Paths& paths, const std::string& types, const std::vector<std::string>& globs,
               const std::filesystem::path& archive);

// True when a path below the log folder matches: "*" and "?" as in the shell, "**/" any folders.
bool log_matches(const std::string& path, const std::string& glob);

}  // namespace slipway::agent
