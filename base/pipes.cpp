#include "base/pipes.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"

namespace slipway::process {

namespace {

[[noreturn]] void fail_resource(const char* what) {
  throw Error(Fault::retryable, std::string(what) + ": " + std::strerror(errno));
}

Fd above_standard(Fd fd) {
  if (fd.get() > 2) return fd;
  Fd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!moved.open()) fail_resource("duplicating a descriptor");
  return moved;
}

bool is_program(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

std::string look_up(const std::string& name, const std::map<std::string, std::string>& env) {
  if (name.find('/') != std::string::npos) return name;
  const auto path = env.find("PATH");
  std::string_view rest;
  if (path != env.end()) rest = path->second;
  while (!rest.empty()) {
    const auto folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
    if (folder.empty()) continue;  // the current folder is no place to find programs
    auto candidate = std::string(folder) + "/" + name;
    if (is_program(candidate)) return candidate;
  }
  throw Error(Fault::not_found, "cannot start " + name + ": no such program in PATH");
}

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

}  // namespace

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail_resource("making a pipe");
  Fd read_end(ends[0]), write_end(ends[1]);
  return {above_standard(std::move(read_end)), above_standard(std::move(write_end))};
}

Fd open_null() {
  Fd fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!fd.open()) fail_resource("opening /dev/null");
  return above_standard(std::move(fd));
}

void set_nonblocking(const Fd& fd) { ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK); }

ssize_t write_quietly(int fd, std::string_view bytes) {
  sigset_t broken_pipe, before, pending;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  sigpending(&pending);
  const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
  ::pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
  const auto wrote = ::write(fd, bytes.data(), bytes.size());
  const int error = errno;
  if (wrote < 0 && error == EPIPE && !was_pending) {
    const timespec at_once{};
    while (::sigtimedwait(&broken_pipe, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return wrote;
}

Fd open_pidfd(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

Command::Command(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env,
                 const std::string& working_directory)
    : argv_(argv), working_directory_(working_directory) {
  if (argv_.empty() || argv_.front().empty()) throw Error(Fault::invalid, "a command needs a program");
  for (const auto& [name, value] : env) {
    if (name.empty() || name.find('=') != std::string::npos) {
      throw Error(Fault::invalid, "\"" + name + "\" cannot name an environment variable");
    }
    env_.push_back(name + "=" + value);
  }
  if (std::any_of(argv_.begin(), argv_.end(), has_nul) || std::any_of(env_.begin(), env_.end(), has_nul)) {
    throw Error(Fault::invalid, "an argument or a variable of " + argv_.front() + " contains a NUL byte");
  }
  program_ = look_up(argv_.front(), env);
  for (auto& text : argv_) argv_pointers_.push_back(text.data());
  for (auto& text : env_) env_pointers_.push_back(text.data());
  argv_pointers_.push_back(nullptr);
  env_pointers_.push_back(nullptr);
}

void Command::fail(int error) const {
  const bool resource = error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
  struct stat status {};
  const bool folder_missing =
      !working_directory_.empty() && (::stat(working_directory_.c_str(), &status) != 0 || !S_ISDIR(status.st_mode));
  throw Error(resource ? Fault::retryable : Fault::not_found,
              "cannot start " + program_ + (working_directory_.empty() ? "" : " in " + working_directory_) + ": " +
                  (folder_missing ? "no such folder" : std::strerror(error)));
}

void LineSplitter::feed(std::string_view bytes) {
  if (!sink_) return;
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    if (end == std::string_view::npos) {
      partial_ += bytes;
      if (partial_.size() >= 1u << 16) finish();
      return;
    }
    if (partial_.empty()) {
      sink_(bytes.substr(0, end));
    } else {
      partial_ += bytes.substr(0, end);
      const auto line = std::exchange(partial_, {});
      sink_(line);
    }
    bytes.remove_prefix(end + 1);
  }
}

void LineSplitter::finish() {
  if (!sink_ || partial_.empty()) return;
  const auto line = std::exchange(partial_, {});
  sink_(line);
}

}  // namespace slipway::process
