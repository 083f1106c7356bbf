#include "base/process.hpp"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/pipes.hpp"

namespace slipway {

using namespace std::chrono;

namespace {

// posix_spawn: unlike fork it does not copy the page tables of a large parent.
class SpawnAttributes {
 public:
  SpawnAttributes(const process::Command& command, const Fd& in, const Fd& out, const Fd& err) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_adddup2(&actions_, in.get(), 0);
    posix_spawn_file_actions_adddup2(&actions_, out.get(), 1);
    posix_spawn_file_actions_adddup2(&actions_, err.get(), 2);
    posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    if (!command.working_directory().empty()) {
      posix_spawn_file_actions_addchdir_np(&actions_, command.working_directory().c_str());
    }
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnAttributes() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;

  pid_t start(const process::Command& command) {
    pid_t pid = -1;
    const int error =
        posix_spawn(&pid, command.program().c_str(), &actions_, &attributes_, command.argv(), command.env());
    if (error != 0) command.fail(error);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// One output of the running program.
struct Output {
  Fd fd;
  std::string* collected;
  process::LineSplitter lines;
};

class Run {
 public:
  explicit Run(const ProcessSpec& spec) : spec_(spec) {
    const process::Command command(spec.argv, spec.env, spec.working_directory);
    auto in = process::make_pipe(), out = process::make_pipe(), err = process::make_pipe();
    pid_ = SpawnAttributes(command, in.read_end, out.write_end, err.write_end).start(command);
    pidfd_ = process::open_pidfd(pid_);
    started_ = steady_clock::now();
    in_ = std::move(in.write_end);
    out_.fd = std::move(out.read_end);
    err_.fd = std::move(err.read_end);
    process::set_nonblocking(in_);
    process::set_nonblocking(out_.fd);
    process::set_nonblocking(err_.fd);
  }

  // Leaving early (a callback threw) must not leave a process or a zombie behind.
  ~Run() {
    if (reaped_) return;
    kill_group();
    reap(out_of_reach_ ? WNOHANG : 0);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  ProcessResult finish() {
    feed();
    while (!done()) {
      wait();
      reap(WNOHANG);
      feed();
      drain(out_);
      drain(err_);
      enforce();
    }
    drain(out_);
    drain(err_);
    out_.lines.finish();
    err_.lines.finish();
    return std::move(result_);
  }

 private:
  // A background process outside the group may hold the pipes for ever: after the
  // program's end only members of its group are waited for.
  bool done() {
    if (!reaped_) return out_of_reach_ && steady_clock::now() >= started_to_kill_ + closing_patience;
    if (!out_.fd.open() && !err_.fd.open()) return true;
    return ::kill(-pid_, 0) != 0 && errno == ESRCH;
  }

  void wait() {
    std::array<pollfd, 4> watched{};
    nfds_t count = 0;
    const auto watch = [&](const Fd& fd, short events) {
      if (fd.open()) watched[count++] = {fd.get(), events, 0};
    };
    watch(in_, POLLOUT);
    watch(out_.fd, POLLIN);
    watch(err_.fd, POLLIN);
    if (!reaped_) watch(pidfd_, POLLIN);
    ::poll(watched.data(), count, patience());
  }

  int patience() const {
    if (reaped_ || killed_) return 20;
    milliseconds limit{-1};
    const auto at_most = [&](milliseconds value) { limit = limit.count() < 0 ? value : std::min(limit, value); };
    if (!pidfd_.open()) at_most(10ms);
    if (spec_.cancelled) at_most(100ms);
    if (spec_.timeout.count() > 0) {
      at_most(std::max(1ms, ceil<milliseconds>(started_ + spec_.timeout - steady_clock::now())));
    }
    return static_cast<int>(std::min<std::int64_t>(limit.count(), 3'600'000));
  }

  void reap(int flags) {
    if (reaped_) return;
    int status = 0;
    pid_t got = 0;
    do {
      got = ::waitpid(pid_, &status, flags);
    } while (got < 0 && errno == EINTR);
    if (got == 0) return;
    reaped_ = true;
    if (got < 0) return;  // somebody ignores SIGCHLD: the end is known, the status is not
    if (WIFEXITED(status)) result_.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
  }

  void feed() {
    std::string_view rest(spec_.standard_input);
    rest.remove_prefix(fed_);
    while (in_.open()) {
      if (rest.empty()) return in_.close();
      const auto wrote = process::write_quietly(in_.get(), rest);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0 && errno == EAGAIN) return;
      if (wrote < 0) return in_.close();  // not reading its input is the program's right
      fed_ += static_cast<std::size_t>(wrote);
      rest.remove_prefix(static_cast<std::size_t>(wrote));
    }
  }

  // A flood comes in slices, so that limits are looked at in between.
  void drain(Output& output) {
    char buffer[1 << 16];
    for (int slices = 0; output.fd.open() && slices < 16; ++slices) {
      const auto got = ::read(output.fd.get(), buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return output.fd.close();
      take(output, {buffer, static_cast<std::size_t>(got)});
    }
  }

  void take(Output& output, std::string_view bytes) {
    const auto room = spec_.max_output_bytes - output.collected->size();
    if (bytes.size() > room) {
      bytes = bytes.substr(0, room);
      result_.too_much_output = true;
    }
    output.collected->append(bytes);
    output.lines.feed(bytes);
    if (result_.too_much_output) output.fd.close();
  }

  // What became another user's, by sudo, cannot be killed. Closing its outputs is all that is
  // left to say to it.
  void give_up_on_the_unkillable() {
    if (steady_clock::now() < started_to_kill_ + killing_patience) return;
    out_of_reach_ = true;
    out_.fd.close();
    err_.fd.close();
  }

  void enforce() {
    if (killed_) return give_up_on_the_unkillable();
    if (spec_.timeout.count() > 0 && steady_clock::now() >= started_ + spec_.timeout && !done()) {
      result_.timed_out = true;
    } else if (spec_.cancelled && !done() && spec_.cancelled()) {
      result_.was_cancelled = true;
    }
    if (result_.timed_out || result_.was_cancelled || result_.too_much_output) kill_group();
  }

  void kill_group() {
    killed_ = true;
    in_.close();
    started_to_kill_ = steady_clock::now();
    ::kill(-pid_, SIGKILL);
    if (!reaped_) ::kill(pid_, SIGKILL);
  }

  const ProcessSpec& spec_;
  ProcessResult result_;
  pid_t pid_ = -1;
  Fd pidfd_, in_;
  Output out_{Fd(), &result_.standard_output, process::LineSplitter(spec_.on_stdout_line)};
  Output err_{Fd(), &result_.standard_error, process::LineSplitter(spec_.on_stderr_line)};
  static constexpr milliseconds killing_patience{1000}, closing_patience{5000};
  steady_clock::time_point started_, started_to_kill_;
  std::size_t fed_ = 0;
  bool reaped_ = false;
  bool killed_ = false;
  bool out_of_reach_ = false;
};

std::string last_lines(const std::string& text) {
  constexpr std::size_t most_lines = 5, most_bytes = 2000;
  std::string_view rest(text);
  while (!rest.empty() && (rest.back() == '\n' || rest.back() == ' ')) rest.remove_suffix(1);
  auto from = rest.size();
  for (std::size_t lines = 0; from > 0 && rest.size() - from < most_bytes; --from) {
    if (rest[from - 1] == '\n' && ++lines == most_lines) break;
  }
  return std::string(rest.substr(from));
}

}  // namespace

ProcessResult run(const ProcessSpec& spec) { return Run(spec).finish(); }

std::string run_checked(const ProcessSpec& spec) {
  auto result = run(spec);
  if (result.ok() && !result.timed_out && !result.was_cancelled && !result.too_much_output) {
    return std::move(result.standard_output);
  }
  std::string why;
  if (result.was_cancelled) {
    why = "was cancelled";
  } else if (result.timed_out) {
    why = "did not end within " + std::to_string(spec.timeout.count()) + " ms";
  } else if (result.too_much_output) {
    why = "wrote more than " + std::to_string(spec.max_output_bytes) + " bytes";
  } else if (result.signal != 0) {
    why = "was ended by signal " + std::to_string(result.signal);
  } else {
    why = "ended with status " + std::to_string(result.exit_code);
  }
  const auto detail = last_lines(result.standard_error);
  throw Error(result.was_cancelled ? Fault::cancelled : Fault::internal,
              spec.argv.front() + " " + why + (detail.empty() ? "" : ": " + detail));
}

}  // namespace slipway
