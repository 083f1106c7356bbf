#include "stemcells/agent/start_program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "stemcells/agent/pid_file.hpp"

namespace slipway::agent {

using namespace std::chrono_literals;

namespace {

[[noreturn]] void become(const std::vector<std::string>& argv) {
  std::vector<char*> words;
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::setsid();
  ::execv(words[0], words.data());
  std::fprintf(stderr, "cannot run %s: %s\n", words[0], std::strerror(errno));
  ::_exit(127);
}

}  // namespace

int run_start_program(const std::string& pid_file, std::chrono::seconds limit, const std::vector<std::string>& argv) {
  // A pid file from an earlier life whose number somebody else got by now is no proof: unless
  // the process of that number can be told apart, only a file written from here on counts.
  struct stat before {};
  const bool existed = ::stat(pid_file.c_str(), &before) == 0;
  const auto written_since = [&] {
    struct stat now {};
    if (::stat(pid_file.c_str(), &now) != 0) return false;
    return !existed || now.st_ino != before.st_ino || now.st_mtim.tv_sec != before.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != before.st_mtim.tv_nsec;
  };
  const pid_t child = ::fork();
  if (child < 0) return 1;
  if (child == 0) become(argv);

  const auto deadline = std::chrono::steady_clock::now() + limit;
  bool ended = false;
  while (std::chrono::steady_clock::now() < deadline) {
    int status = 0;
    if (!ended && ::waitpid(child, &status, WNOHANG) == child) {
      ended = true;
      const bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
      // A start program that found its daemon running may leave the file as it was.
      if (good && living_pid(pid_file)) return 0;
      if (!good && !(written_since() && living_pid(pid_file))) return 1;
    }
    if (written_since() && living_pid(pid_file)) return 0;
    std::this_thread::sleep_for(20ms);
  }
  std::fprintf(stderr, "%s names no living process after %lld s\n", pid_file.c_str(),
               static_cast<long long>(limit.count()));
  return 1;
}

}  // namespace slipway::agent
