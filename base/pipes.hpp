#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"

namespace slipway::process {

// What run() and ChildProcess share: descriptors, start-up data, line splitting.

struct Pipe {
  Fd read_end;
  Fd write_end;
};

// A close-on-exec pipe whose descriptors lie above 2, so that they can be moved onto
// 0, 1 and 2 in any order. Throws Fault::retryable when descriptors are used up.
Pipe make_pipe();
Fd open_null();
void set_nonblocking(const Fd& fd);

// Like write(2), but a reader that has gone is EPIPE and never a signal.
ssize_t write_quietly(int fd, std::string_view bytes);

// Readable when the process `pid` has ended. Not open where the kernel has no pidfds.
Fd open_pidfd(pid_t pid);

// argv and environment as exec wants them, checked and resolved before anything forks.
class Command {
 public:
  // Throws Fault::invalid on an empty argv or NUL bytes, Fault::not_found when the program
  // or the folder is missing.
  Command(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env,
          const std::string& working_directory);

  const std::string& program() const { return program_; }
  const std::string& working_directory() const { return working_directory_; }
  char* const* argv() const { return argv_pointers_.data(); }
  char* const* env() const { return env_pointers_.data(); }

  // Throws what a failed start with this errno means.
  [[noreturn]] void fail(int error) const;

 private:
  std::vector<std::string> argv_;
  std::vector<std::string> env_;
  std::vector<char*> argv_pointers_;
  std::vector<char*> env_pointers_;
  std::string program_;
  std::string working_directory_;
};

// Cuts a stream into lines, without their ends. A line longer than 64 KiB is delivered
// in pieces.
class LineSplitter {
 public:
  explicit LineSplitter(std::function<void(std::string_view)> sink) : sink_(std::move(sink)) {}
  void feed(std::string_view bytes);
  void finish();  // delivers a last line that has no end

 private:
  std::function<void(std::string_view)> sink_;
  std::string partial_;
};

}  // namespace slipway::process
