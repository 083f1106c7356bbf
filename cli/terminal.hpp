#pragma once

#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/secret.hpp"

namespace slipway::cli {

// Published: pipelines rely on them.
enum ExitCode {
  exit_ok = 0,
  exit_error = 1,
  exit_usage = 2,
  exit_failed = 3,
  exit_timeout = 4,
  exit_declined = 5
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Ends a command with this code after `what()` was shown.
struct Exit : std::runtime_error {
  Exit(ExitCode the_code, const std::string& message) : std::runtime_error(message), code(the_code) {}
  ExitCode code;
};

// Where a command reads and writes. `live`: out is a terminal whose last line can be redrawn.
struct Terminal {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool live = false;
  std::function<std::optional<std::string>(const char* name)> environment;
};

// Asks on err, so that out stays clean for pipes. False for all but y and yes, and at the
// end of the input.
bool confirm(Terminal& terminal, const std::string& question);

// Without echo where the input is a terminal. Exit(exit_usage) at the end of the input.
Secret read_password(Terminal& terminal, const std::string& prompt);

// A user's password: as given by a flag, else PKS_USER_PASSWORD or TKGI_USER_PASSWORD, else asked for.
Secret given_password(Terminal& terminal, const std::string& flag);

// Columns are as wide as their longest cell, two blanks apart; no blanks at the ends of lines.
std::string table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

// "Label:   value" lines with the values below each other.
std::string block(const std::vector<std::pair<std::string, std::string>>& lines);

// What a server sent must not move the cursor: control characters become '?'.
std::string printable(const std::string& text);

std::string elapsed_text(long seconds);  // "42s", "3m05s", "1h02m"

}  // namespace slipway::cli
