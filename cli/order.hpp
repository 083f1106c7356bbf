#pragma once

#include <chrono>
#include <string>

#include "base/clock.hpp"
#include "cli/api.hpp"
#include "cli/command.hpp"

namespace slipway::cli {

// The flags of a command that orders what takes its time: --wait, --timeout, --json and --non-interactive.
struct OrderFlags {
  // What help says of them, and how many seconds --wait waits at most.
  const char* waits = "show the progress and return at the end";
  const char* answer = "the API's answer";
  const char* asks = "do not ask";
  long timeout = 3600;

  bool wait = false, json = false, quiet = false;

  void add_to(CommandLine& line);  // keeps references
  std::chrono::seconds limit() const { return std::chrono::seconds(timeout); }
  // Exit(exit_declined, `declined`) unless the user says yes, or is not to be asked.
  void require_consent(Terminal& terminal, const std::string& question,
                       const std::string& declined = "Nothing was changed.") const;
};

// What a command that ordered something ends with. With --wait follows `action` and shows the cluster as it is then;
// else `ordered`, the API's answer, and how to follow it.
void end_order(Terminal& terminal, Api& api, Clock& clock, Json ordered, const std::string& cluster,
               const std::string& action, const OrderFlags& flags);

}  // namespace slipway::cli
