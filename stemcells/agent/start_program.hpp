#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace slipway::agent {

// What monit does with a start program, as a program for systemd's ExecStart: starts it and
// returns 0 as soon as the pid file names a living process, whether the start program ends
// (a daemon that forks) or becomes the daemon itself ("echo $$ > pidfile; exec …"). Returns 1
// when the program fails or the time is over. Output goes where the caller's goes.
int run_start_program(const std::string& pid_file, std::chrono::seconds limit, const std::vector<std::string>& argv);

}  // namespace slipway::agent
