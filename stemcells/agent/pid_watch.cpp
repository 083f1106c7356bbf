#include "stemcells/agent/pid_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.hpp"

namespace slipway::agent {

struct PidWatch::State {
  struct Watched {
    pid_t pid = 0;
    int fd = -1;  // -1: gone before it could be watched
  };

  OnEnd on_end;
  std::mutex mutex;
  std::map<std::string, Watched> watched;
  bool ending = false;
  int wake_fd = -1;
  std::thread thread;

  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_fd, &one, sizeof one);
  }

  void run() {
    for (;;) {
      std::vector<pollfd> waiting{{wake_fd, POLLIN, 0}};
      std::vector<std::string> names{""};
      std::vector<std::pair<std::string, pid_t>> ended;
      {
        const std::lock_guard lock(mutex);
        if (ending) return;
        for (auto entry = watched.begin(); entry != watched.end();) {
          if (entry->second.fd < 0) {
            ended.emplace_back(entry->first, entry->second.pid);
            entry = watched.erase(entry);
            continue;
          }
          waiting.push_back({entry->second.fd, POLLIN, 0});
          names.push_back(entry->first);
          ++entry;
        }
      }
      for (const auto& [name, pid] : ended) on_end(name, pid);
      if (!ended.empty()) continue;
      if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
      drain_wake();
      for (std::size_t index = 1; index < waiting.size(); ++index) {
        if (waiting[index].revents) forget(names[index], waiting[index].fd);
      }
    }
  }

  void drain_wake() const {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(wake_fd, &count, sizeof count);
  }

  void forget(const std::string& name, int fd) {
    pid_t pid = 0;
    {
      const std::lock_guard lock(mutex);
      const auto entry = watched.find(name);
      if (entry == watched.end() || entry->second.fd != fd) return;
      pid = entry->second.pid;
      ::close(fd);
      watched.erase(entry);
    }
    on_end(name, pid);
  }
};

PidWatch::PidWatch(OnEnd on_end) : state_(std::make_unique<State>()) {
  state_->on_end = std::move(on_end);
  state_->wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (state_->wake_fd < 0) throw Error(Fault::internal, "cannot make an eventfd");
  state_->thread = std::thread([this] { state_->run(); });
}

PidWatch::~PidWatch() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->wake();
  state_->thread.join();
  for (const auto& [name, watched] : state_->watched) {
    if (watched.fd >= 0) ::close(watched.fd);
  }
  ::close(state_->wake_fd);
}

void PidWatch::watch(const std::map<std::string, pid_t>& processes) {
  {
    const std::lock_guard lock(state_->mutex);
    auto& watched = state_->watched;
    for (auto entry = watched.begin(); entry != watched.end();) {
      const auto wanted = processes.find(entry->first);
      if (wanted != processes.end() && wanted->second == entry->second.pid) {
        ++entry;
        continue;
      }
      if (entry->second.fd >= 0) ::close(entry->second.fd);
      entry = watched.erase(entry);
    }
    for (const auto& [name, pid] : processes) {
      if (watched.contains(name)) continue;
      watched[name] = {pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
    }
  }
  state_->wake();
}

}  // namespace slipway::agent
