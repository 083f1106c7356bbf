#pragma once

#include <sys/types.h>

#include <string>

namespace slipway::agent {

// A zombie does not live.
bool is_alive(pid_t pid);

// The process that a pid file names; 0 unless it lives.
pid_t living_pid(const std::string& pid_file);

}  // namespace slipway::agent
