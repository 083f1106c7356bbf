#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace slipway {

// A program run by argv, never through a shell. The environment is exactly `env`.
struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is an absolute path, or is looked up in PATH of `env`
  std::map<std::string, std::string> env = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}};
  std::string working_directory;  // empty: the caller's
  std::string standard_input;     // written, then closed
  std::chrono::milliseconds timeout{0};  // 0: none. At the limit the whole process group is killed.
  std::size_t max_output_bytes = 16u << 20;  // for each of stdout and stderr; more kills the group
  std::function<void(std::string_view line)> on_stdout_line;  // besides being collected
  std::function<void(std::string_view line)> on_stderr_line;
  std::function<bool()> cancelled;  // looked at at least every 200 ms; true kills the group
};

struct ProcessResult {
  int exit_code = -1;        // -1 when it ended by a signal
  int signal = 0;
  bool timed_out = false;
  bool too_much_output = false;
  bool was_cancelled = false;
  std::string standard_output;
  std::string standard_error;
  bool ok() const { return exit_code == 0; }
};

// Returns when the program has ended and both outputs are closed or the group is dead: a
// background child that stays in the group and keeps an output open is waited for, a
// daemon in a session of its own is not. An exception of a callback kills the group.
// What became another user's (sudo) cannot be killed: its outputs are closed 1 s after the
// attempt, which it should take as a hint, and it is waited for 5 s at most.
// Throws Error(Fault::not_found) when the program cannot be started, Fault::retryable when
// processes, memory or descriptors are used up, Fault::invalid on a NUL byte.
ProcessResult run(const ProcessSpec& spec);

// As run(), but a non-zero end or a limit throws Fault::internal with the last lines of
// stderr, and a cancelled program Fault::cancelled.
std::string run_checked(const ProcessSpec& spec);

// A long-lived child with pipes on stdin and stdout (stderr goes to a line callback or is
// inherited). Used for the ERB workers and nats-server. Killed when the object dies.
// When the child ends, what is left of its process group is killed. write() and
// read_exactly() belong to one thread at a time; the rest may be called from any.
class ChildProcess {
 public:
  struct Options {
    std::vector<std::string> argv;
    std::map<std::string, std::string> env = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}};
    std::string working_directory;
    std::function<void(std::string_view line)> on_stderr_line;  // on a thread of its own; must not throw
    bool pipe_stdio = true;          // false: stdin is /dev/null, stdout joins stderr
    bool die_with_parent = true;     // PR_SET_PDEATHSIG
  };
  explicit ChildProcess(Options options);
  ~ChildProcess();  // terminate(2 s)
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const;
  bool running();                             // reaps
  void write(std::string_view bytes);         // Fault::internal when the child is gone
  // Exactly `size` bytes, or Fault::internal (child gone) / Fault::retryable (deadline).
  std::string read_exactly(std::size_t size, std::chrono::milliseconds timeout);
  void send_signal(int signal);
  void terminate(std::chrono::milliseconds grace);  // SIGTERM, then SIGKILL

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway
