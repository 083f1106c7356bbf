#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "stemcells/agent/pid_file.hpp"
#include "stemcells/agent/script_process.hpp"
#include "stemcells/agent/supervisor.hpp"

namespace slipway::agent {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

namespace {

class DirectSupervisor final : public Supervisor {
 public:
  DirectSupervisor(OnFailure on_failure, const NodeLog& log)
      : on_failure_(std::move(on_failure)), log_(log), thread_([this] { watch(); }) {}

  ~DirectSupervisor() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void define(const std::vector<MonitProcess>& processes) override {
    std::vector<MonitProcess> gone;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& process : processes_) {
        const auto stays = [&](const auto& other) { return other.name == process.name; };
        if (std::none_of(processes.begin(), processes.end(), stays)) gone.push_back(process);
      }
      processes_ = in_start_order(processes);
    }
    for (const auto& process : gone) stop_one(process, SteadyClock::now() + 30s);
  }

  void start() override {
    {
      const std::lock_guard lock(mutex_);
      wanted_ = monitored_ = true;
      started_.clear();
    }
    changed_.notify_all();
  }

  void stop(std::chrono::seconds limit) override {
    std::vector<MonitProcess> processes;
    {
      const std::lock_guard lock(mutex_);
      wanted_ = monitored_ = false;
      processes = processes_;
    }
    const std::lock_guard acting(acting_);  // a start under way ends first
    const auto deadline = SteadyClock::now() + limit;
    for (auto process = processes.rbegin(); process != processes.rend(); ++process) stop_one(*process, deadline);
  }

  void unmonitor() override {
    const std::lock_guard lock(mutex_);
    monitored_ = false;
  }

  void restart(const std::string& name) override {
    const std::lock_guard acting(acting_);
    std::optional<MonitProcess> process;
    {
      const std::lock_guard lock(mutex_);
      const auto found = std::find_if(processes_.begin(), processes_.end(), [&](const auto& one) { return one.name == name; });
      if (!wanted_ || found == processes_.end()) return;
      process = *found;
      started_.erase(name);
    }
    stop_one(*process, SteadyClock::now() + std::chrono::seconds(process->stop.timeout_seconds));
  }

  std::vector<ProcessStatus> status() override {
    const std::lock_guard lock(mutex_);
    std::vector<ProcessStatus> result;
    for (const auto& process : processes_) {
      ProcessStatus status{.name = process.name, .state = wanted_ ? "failing" : "stopped"};
      status.pid = living_pid(process.pid_file);
      const auto started = started_.find(process.name);
      if (status.pid) {
        status.state = "running";
        if (started != started_.end()) {
          status.uptime_seconds = std::chrono::duration_cast<std::chrono::seconds>(SteadyClock::now() - started->second).count();
        }
      } else if (wanted_ && started == started_.end()) {
        status.state = "starting";
      }
      result.push_back(std::move(status));
    }
    return result;
  }

 private:
  static void spawn(const MonitProgram& program, SteadyClock::duration limit) {
    ScriptProcess process({.argv = program.argv, .env = script_environment()});
    process.wait(std::chrono::duration_cast<std::chrono::milliseconds>(limit));
  }

  void stop_one(const MonitProcess& process, SteadyClock::time_point deadline) {
    const pid_t pid = living_pid(process.pid_file);
    if (!pid) return;
    try {
      if (process.stop.argv.empty()) {
        ::kill(pid, SIGTERM);
      } else {
        spawn(process.stop, std::chrono::seconds(process.stop.timeout_seconds));
      }
    } catch (const std::exception& error) {
      log_.warn("process.stop_failed", {{"process", process.name}, {"error", error.what()}});
    }
    const auto own_limit = SteadyClock::now() + std::chrono::seconds(process.stop.timeout_seconds);
    while (is_alive(pid) && SteadyClock::now() < std::min(deadline, own_limit)) ::usleep(50'000);
    if (is_alive(pid)) ::kill(pid, SIGKILL);
  }

  void watch() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      changed_.wait_for(lock, 200ms);
      if (ending_ || !wanted_ || !monitored_) continue;
      const auto processes = processes_;
      lock.unlock();
      for (const auto& process : processes) start_if_gone(process);
      lock.lock();
    }
  }

  void start_if_gone(const MonitProcess& process) {
    const std::lock_guard acting(acting_);
    {
      const std::lock_guard lock(mutex_);
      if (!wanted_ || !monitored_ || ending_) return;
      if (living_pid(process.pid_file)) {
        started_.try_emplace(process.name, SteadyClock::now());
        return;
      }
    }
    if (started_before(process.name)) {
      log_.warn("process.ended", {{"process", process.name}});
      on_failure_({.process = process.name, .description = "process is not running"});
    }
    try {
      std::vector<std::string> argv{program_, "--start-program", process.pid_file,
                                    std::to_string(process.start.timeout_seconds)};
      argv.insert(argv.end(), process.start.argv.begin(), process.start.argv.end());
      spawn({.argv = argv}, std::chrono::seconds(process.start.timeout_seconds + 5));
    } catch (const std::exception& error) {
      log_.warn("process.start_failed", {{"process", process.name}, {"error", error.what()}});
    }
    for (int tries = 0; tries < 20 && !living_pid(process.pid_file); ++tries) ::usleep(50'000);
    const std::lock_guard lock(mutex_);
    started_[process.name] = SteadyClock::now();
  }

  bool started_before(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return started_.contains(name);
  }

  const std::string program_ = std::filesystem::read_symlink("/proc/self/exe").string();
  OnFailure on_failure_;
  NodeLog log_;
  std::mutex acting_;  // taken before mutex_
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<MonitProcess> processes_;
  std::map<std::string, SteadyClock::time_point> started_;
  bool wanted_ = false;
  bool monitored_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Supervisor> make_direct_supervisor(Supervisor::OnFailure on_failure, const NodeLog& log) {
  return std::make_unique<DirectSupervisor>(std::move(on_failure), log);
}

}  // namespace slipway::agent
