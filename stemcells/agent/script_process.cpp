#include "stemcells/agent/script_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "base/error.hpp"
#include "stemcells/agent/paths.hpp"

extern char** environ;

namespace slipway::agent {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

struct SpawnSetup {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnSetup() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
};

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (auto& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

void add_output(SpawnSetup& setup, int fd, const std::filesystem::path& file) {
  const char* name = file.empty() ? "/dev/null" : file.c_str();
  posix_spawn_file_actions_addopen(&setup.actions, fd, name, O_WRONLY | O_CREAT | O_APPEND, 0640);
}

}  // namespace

std::string ScriptProcess::Ended::describe() const {
  if (cancelled) return "cancelled";
  if (timed_out) return "timed out";
  if (signal) return "signal " + std::to_string(signal);
  return "exit status " + std::to_string(exit_code);
}

ScriptProcess::ScriptProcess(const Spec& spec) {
  SpawnSetup setup;
  posix_spawn_file_actions_addopen(&setup.actions, 0, "/dev/null", O_RDONLY, 0);
  add_output(setup, 1, spec.stdout_file);
  add_output(setup, 2, spec.stderr_file);
  posix_spawn_file_actions_addclosefrom_np(&setup.actions, 3);
  const std::string folder = spec.working_directory.empty() ? "/" : spec.working_directory.string();
  posix_spawn_file_actions_addchdir_np(&setup.actions, folder.c_str());

  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  sigdelset(&all, SIGKILL);
  sigdelset(&all, SIGSTOP);
  posix_spawnattr_setsigmask(&setup.attributes, &none);
  posix_spawnattr_setsigdefault(&setup.attributes, &all);
  posix_spawnattr_setpgroup(&setup.attributes, 0);
  posix_spawnattr_setflags(&setup.attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> argv = spec.argv;
  std::vector<std::string> env;
  for (const auto& [name, value] : spec.env) env.push_back(name + "=" + value);
  const auto argv_pointers = pointers(argv);
  const auto env_pointers = pointers(env);
  const int failed = posix_spawnp(&pid_, argv[0].c_str(), &setup.actions, &setup.attributes,
                                  argv_pointers.data(), env_pointers.data());
  if (failed) throw Error(Fault::not_found, "starting " + argv[0] + ": " + std::strerror(failed));
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
}

ScriptProcess::~ScriptProcess() {
  if (!reaped_) {
    ::kill(-pid_, SIGKILL);
    while (!reap(1000)) {
    }
  }
  if (pidfd_ >= 0) ::close(pidfd_);
}

bool ScriptProcess::reap(int wait_ms) {
  if (reaped_) return true;
  if (pidfd_ >= 0) {
    pollfd waiting{pidfd_, POLLIN, 0};
    if (::poll(&waiting, 1, wait_ms) <= 0) return false;
  }
  int status = 0;
  const pid_t got = ::waitpid(pid_, &status, pidfd_ >= 0 ? 0 : WNOHANG);
  if (got == 0) {
    ::usleep(10'000);
    return false;
  }
  reaped_ = true;
  if (got == pid_ && WIFEXITED(status)) ended_.exit_code = WEXITSTATUS(status);
  if (got == pid_ && WIFSIGNALED(status)) ended_.signal = WTERMSIG(status);
  return true;
}

void ScriptProcess::end_group() {
  ::kill(-pid_, SIGTERM);
  const auto limit = Clock::now() + 5s;
  while (!reap(100) && Clock::now() < limit) {
  }
  ::kill(-pid_, SIGKILL);
  while (!reap(1000)) {
  }
}

ScriptProcess::Ended ScriptProcess::wait(std::chrono::milliseconds timeout, const std::function<bool()>& cancelled) {
  const auto limit = Clock::now() + timeout;
  while (!reap(100)) {
    ended_.cancelled = cancelled && cancelled();
    ended_.timed_out = timeout.count() > 0 && Clock::now() >= limit;
    if (ended_.cancelled || ended_.timed_out) {
      end_group();
      break;
    }
  }
  return ended_;
}

std::map<std::string, std::string> script_environment(const std::map<std::string, std::string>& extra) {
  std::map<std::string, std::string> result;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string::npos) result[text.substr(0, equals)] = text.substr(equals + 1);
  }
  // What the agent set for itself alone: jobs trust whom their machine trusts.
  for (const char* own : {"SSL_CERT_FILE", "SSL_CERT_DIR"}) result.erase(own);
  for (const auto& [name, value] : extra) result[name] = value;
  result["PATH"] = program_path;
  return result;
}

}  // namespace slipway::agent
