#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace slipway::agent {

// A program whose output goes straight to files: a script may print gigabytes and the
// agent's memory stays as it is. Own process group; nothing of the agent is inherited.
class ScriptProcess {
 public:
  struct Spec {
    std::vector<std::string> argv;  // argv[0] absolute or found in PATH of `env`
    std::map<std::string, std::string> env;
    std::filesystem::path working_directory;  // empty: /
    std::filesystem::path stdout_file;        // appended, 0640; empty: /dev/null
    std::filesystem::path stderr_file;
  };
  struct Ended {
    int exit_code = -1;  // -1 when a signal ended it
    int signal = 0;
    bool cancelled = false;
    bool timed_out = false;
    std::string describe() const;  // "exit status 3", "signal 9", "cancelled", …
  };

  explicit ScriptProcess(const Spec& spec);  // Fault::not_found when it cannot be started
  ~ScriptProcess();                          // kills the group when still running
  ScriptProcess(const ScriptProcess&) = delete;
  ScriptProcess& operator=(const ScriptProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Waits for the end. `timeout` zero: none. At the limit, or when `cancelled` answers true
  // (asked every 100 ms), the group gets SIGTERM and 5 s later SIGKILL.
  Ended wait(std::chrono::milliseconds timeout = {}, const std::function<bool()>& cancelled = {});

 private:
  bool reap(int wait_ms);
  void end_group();
  pid_t pid_ = -1;
  int pidfd_ = -1;
  bool reaped_ = false;
  Ended ended_;
};

// The environment every script of a job gets: the agent's own with PATH replaced, plus `extra`.
std::map<std::string, std::string> script_environment(const std::map<std::string, std::string>& extra = {});

}  // namespace slipway::agent
