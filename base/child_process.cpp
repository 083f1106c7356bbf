#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "base/pipes.hpp"
#include "base/process.hpp"

namespace slipway {

using namespace std::chrono;

namespace {

struct Standard {
  int in;
  int out;
  int err;
};

// Runs in the forked child: only calls that are safe after a fork of a program with
// threads, no allocation. Reports the errno of a failure through `report`.
[[noreturn]] void become(const process::Command& command, const Standard& io, bool die_with_parent, pid_t parent,
                         int report) {
  const auto give_up = [report] {
    const int error = errno;
    (void)!::write(report, &error, sizeof error);
    ::_exit(127);
  };
  ::setpgid(0, 0);
  if (die_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // it died before the line above
  }
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(io.in, 0) < 0 || ::dup2(io.out, 1) < 0 || ::dup2(io.err, 2) < 0) give_up();
  // `report` closes itself when exec succeeds; it lies above 2 like every pipe here.
  if (report > 3) ::syscall(SYS_close_range, 3u, static_cast<unsigned>(report) - 1, 0u);
  ::syscall(SYS_close_range, static_cast<unsigned>(report) + 1, ~0u, 0u);
  if (!command.working_directory().empty() && ::chdir(command.working_directory().c_str()) != 0) give_up();
  ::execve(command.program().c_str(), command.argv(), command.env());
  give_up();
  ::_exit(127);
}

pid_t fork_and_exec(const process::Command& command, const Standard& io, bool die_with_parent) {
  auto report = process::make_pipe();
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) command.fail(errno);
  if (pid == 0) become(command, io, die_with_parent, parent, report.write_end.get());
  ::setpgid(pid, pid);  // here too: the group exists when this function returns
  report.write_end.close();
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(report.read_end.get(), &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof error)) return pid;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  command.fail(error);
}

// PR_SET_PDEATHSIG means the death of the *thread* that forked. This thread lives as
// long as the program, so that a worker of a pool may start children that outlive it.
class Forker {
 public:
  static Forker& instance() {
    static auto* forker = new Forker;  // never destroyed: its thread runs to the very end
    return *forker;
  }

  pid_t start(const process::Command& command, const Standard& io) {
    Job job{command, io, -1, nullptr, false};
    std::unique_lock lock(mutex_);
    jobs_.push_back(&job);
    wake_.notify_all();
    wake_.wait(lock, [&] { return job.done; });
    if (job.failure) std::rethrow_exception(job.failure);
    return job.pid;
  }

 private:
  struct Job {
    const process::Command& command;
    Standard io;
    pid_t pid;
    std::exception_ptr failure;
    bool done;
  };

  Forker() {
    std::thread([this] { work(); }).detach();
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return !jobs_.empty(); });
      auto* job = jobs_.front();
      jobs_.pop_front();
      lock.unlock();
      try {
        job->pid = fork_and_exec(job->command, job->io, true);
      } catch (...) {
        job->failure = std::current_exception();
      }
      lock.lock();
      job->done = true;
      wake_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job*> jobs_;
};

}  // namespace

struct ChildProcess::State {
  Options options;
  pid_t pid = -1;
  Fd pidfd;
  Fd in, out;
  Fd err;              // read by the thread below
  process::Pipe stop;  // closing its write end ends that thread
  std::thread err_reader;
  std::mutex mutex;  // guards what follows
  bool reaped = false;
  std::string buffered;

  void start() {
    const process::Command command(options.argv, options.env, options.working_directory);
    process::Pipe in_pipe, out_pipe, err_pipe;
    if (options.pipe_stdio) {
      in_pipe = process::make_pipe();
      out_pipe = process::make_pipe();
    } else {
      in_pipe.read_end = process::open_null();
    }
    if (options.on_stderr_line) err_pipe = process::make_pipe();
    const int err_fd = err_pipe.write_end.open() ? err_pipe.write_end.get() : 2;
    const Standard io{in_pipe.read_end.get(), out_pipe.write_end.open() ? out_pipe.write_end.get() : err_fd, err_fd};
    pid = options.die_with_parent ? Forker::instance().start(command, io) : fork_and_exec(command, io, false);
    pidfd = process::open_pidfd(pid);
    in = std::move(in_pipe.write_end);
    out = std::move(out_pipe.read_end);
    err = std::move(err_pipe.read_end);
    if (in.open()) process::set_nonblocking(in);
    if (out.open()) process::set_nonblocking(out);
    if (err.open()) {
      process::set_nonblocking(err);
      stop = process::make_pipe();
      err_reader = std::thread([this] { read_errors(); });
    }
  }

  void read_errors() {
    process::LineSplitter lines(options.on_stderr_line);
    char buffer[1 << 14];
    for (bool stopping = false;;) {
      const auto got = ::read(err.get(), buffer, sizeof buffer);
      if (got > 0) {
        lines.feed({buffer, static_cast<std::size_t>(got)});
        continue;
      }
      if (got == 0 || (errno != EAGAIN && errno != EINTR) || stopping) break;
      pollfd watched[2] = {{err.get(), POLLIN, 0}, {stop.read_end.get(), POLLIN, 0}};
      ::poll(watched, 2, -1);
      stopping = watched[1].revents != 0;
    }
    lines.finish();
  }

  // With `mutex` held. A leader that has ended takes its group along: nobody else would
  // look after what it left behind. It is killed while the zombie still holds the number.
  bool check_running() {
    if (reaped) return false;
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0) {
      return true;
    }
    ::kill(-pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    reaped = true;
    return false;
  }

  bool ended_within(milliseconds limit) {
    const auto deadline = steady_clock::now() + limit;
    for (;;) {
      {
        const std::lock_guard guard(mutex);
        if (!check_running()) return true;
      }
      const auto left = ceil<milliseconds>(deadline - steady_clock::now());
      if (left.count() <= 0) return false;
      pollfd watched{pidfd.get(), POLLIN, 0};
      const auto slice = pidfd.open() ? left : std::min(left, 10ms);
      ::poll(&watched, pidfd.open() ? 1 : 0, static_cast<int>(std::min<std::int64_t>(slice.count(), 60'000)));
    }
  }

  [[noreturn]] void fail_gone() const {
    throw Error(Fault::internal, options.argv.front() + " (process " + std::to_string(pid) + ") has ended");
  }
};

ChildProcess::ChildProcess(Options options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->start();
}

ChildProcess::~ChildProcess() {
  terminate(2s);
  state_->stop.write_end.close();
  if (state_->err_reader.joinable()) state_->err_reader.join();
}

pid_t ChildProcess::pid() const { return state_->pid; }

bool ChildProcess::running() {
  const std::lock_guard guard(state_->mutex);
  return state_->check_running();
}

void ChildProcess::write(std::string_view bytes) {
  if (!state_->in.open()) throw Error(Fault::internal, state_->options.argv.front() + " was started without pipes");
  while (!bytes.empty()) {
    const auto wrote = process::write_quietly(state_->in.get(), bytes);
    if (wrote >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    } else if (errno == EAGAIN) {
      pollfd watched{state_->in.get(), POLLOUT, 0};
      ::poll(&watched, 1, 200);
      // Another process may hold the reading end open after the child's death.
      if (!running()) state_->fail_gone();
    } else if (errno != EINTR) {
      state_->fail_gone();
    }
  }
}

std::string ChildProcess::read_exactly(std::size_t size, milliseconds timeout) {
  if (!state_->out.open()) throw Error(Fault::internal, state_->options.argv.front() + " was started without pipes");
  auto& buffered = state_->buffered;
  const auto deadline = steady_clock::now() + timeout;
  char chunk[1 << 16];
  while (buffered.size() < size) {
    const auto got = ::read(state_->out.get(), chunk, sizeof chunk);
    if (got > 0) {
      buffered.append(chunk, static_cast<std::size_t>(got));
      continue;
    }
    if (got == 0) state_->fail_gone();
    if (errno == EINTR) continue;
    if (errno != EAGAIN) state_->fail_gone();
    const auto left = ceil<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) {
      throw Error(Fault::retryable, state_->options.argv.front() + " did not answer within " +
                                        std::to_string(timeout.count()) + " ms");
    }
    pollfd watched[2] = {{state_->out.get(), POLLIN, 0}, {state_->pidfd.get(), POLLIN, 0}};
    ::poll(watched, state_->pidfd.open() ? 2 : 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1000)));
    if (watched[0].revents == 0 && !running()) state_->fail_gone();
  }
  auto result = buffered.substr(0, size);
  buffered.erase(0, size);
  return result;
}

void ChildProcess::send_signal(int signal) {
  const std::lock_guard guard(state_->mutex);
  if (state_->check_running()) ::kill(state_->pid, signal);
}

void ChildProcess::terminate(milliseconds grace) {
  {
    const std::lock_guard guard(state_->mutex);
    if (!state_->check_running()) return;
    ::kill(-state_->pid, SIGTERM);
  }
  if (state_->ended_within(grace)) return;
  const std::lock_guard guard(state_->mutex);
  if (state_->reaped) return;
  ::kill(-state_->pid, SIGKILL);
  while (::waitpid(state_->pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  state_->reaped = true;
}

}  // namespace slipway
