#pragma once

#include <chrono>
#include <string>

#include "base/clock.hpp"
#include "cli/api.hpp"

namespace slipway::cli {

// Follows the last action of a cluster to its end. On a terminal one line is redrawn every
// second; in a pipe each step is a line. `json`: the lines go to err, out stays clean.
class Waiter {
 public:
  Waiter(Terminal& terminal, Api& api, Clock& clock, bool json);
  // Returns when `action` ("CREATE", "UPDATE", "UPGRADE", "DELETE") succeeded. Exit(exit_failed) when it
  // failed or something else was begun, Exit(exit_timeout) after `limit`.
  void wait(const std::string& cluster, const std::string& action, std::chrono::seconds limit);

 private:
  void show(const Json& progress, long elapsed);
  void end_line();

  Api& api_;
  Clock& clock_;
  std::ostream& out_;
  bool live_;
  std::string last_;
};

// One line of what is going on: stage, step, how far, what is next.
std::string progress_line(const Json& progress);

}  // namespace slipway::cli
