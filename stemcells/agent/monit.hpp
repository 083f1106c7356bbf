#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The subset of monit's language that BOSH releases use. Source: contracts/agent-cpi.md
// section 4 ("Subset to parse") and monit's documented grammar.
namespace slipway::agent {

struct MonitProgram {
  std::vector<std::string> argv;
  int timeout_seconds = 30;
  std::string user, group;  // "as uid … and gid …", usually empty
};

// Whether a process that runs also answers.
struct ConnectionCheck {
  enum class Protocol { any, http, https };  // any: that it takes the connection is enough
  enum class Action { restart, alert };

  std::string host = "127.0.0.1";
  int port = 0;             // 0: `unix_socket` it is
  std::string unix_socket;
  Protocol protocol = Protocol::any;
  std::string request = "/";  // for http and https
  int timeout_seconds = 5;
  int failures = 1, cycles = 1;  // acts at so many failures among the last so many looks; at most 64
  Action action = Action::restart;
};

// How often monit looks, as BOSH's stemcells configure it.
constexpr int monit_cycle_seconds = 10;

struct MonitProcess {
  std::string name;
  std::string pid_file;
  MonitProgram start, stop;
  std::vector<std::string> depends_on;
  std::optional<std::string> memory_limit;  // systemd notation: "512M", "25%"; from a totalmem … restart rule
  struct RestartLimit {
    int restarts = 0;
    int cycles = 0;
  };
  std::optional<RestartLimit> restart_limit;  // if N restarts within M cycles then timeout
  std::vector<ConnectionCheck> checks;        // if failed … then restart or alert
};

struct MonitFile {
  std::vector<MonitProcess> processes;
  std::vector<std::string> warnings;  // what was understood but is not watched
};

// Clauses may share a line or span several. Conditions it does not act on become warnings;
// a check without name, pid file or start program throws Fault::invalid naming `source`.
MonitFile parse_monit(std::string_view text, const std::string& source);

}  // namespace slipway::agent
