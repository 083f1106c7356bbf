#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <sstream>
#include <thread>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "stemcells/agent/pid_file.hpp"
#include "stemcells/agent/pid_watch.hpp"
#include "stemcells/agent/supervisor.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr const char* unit_folder = "/run/systemd/system";

ProcessResult systemctl(std::vector<std::string> words, std::chrono::milliseconds timeout = 60s) {
  words.insert(words.begin(), "/usr/bin/systemctl");
  return run({.argv = std::move(words), .timeout = timeout});
}

void systemctl_checked(const std::vector<std::string>& words) {
  const auto result = systemctl(words);
  if (!result.ok()) {
    throw Error(Fault::internal, "systemctl " + words.front() + ": " + result.standard_error);
  }
}

std::optional<long> seconds_since(const std::string& monotonic_us) {
  const long long then = std::atoll(monotonic_us.c_str());
  if (then <= 0) return std::nullopt;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<long>(now.tv_sec - then / 1'000'000);
}

std::string state_of(const std::map<std::string, std::string>& unit) {
  const auto value = [&](const char* key) {
    const auto found = unit.find(key);
    return found == unit.end() ? std::string() : found->second;
  };
  const std::string active = value("ActiveState");
  if (active == "active") return "running";
  if (active == "activating") return value("SubState") == "auto-restart" ? "failing" : "starting";
  if (active == "failed") return "failing";
  return "stopped";
}

class SystemdSupervisor final : public Supervisor {
 public:
  SystemdSupervisor(OnFailure on_failure, const NodeLog& log)
      : on_failure_(std::move(on_failure)),
        log_(log),
        pids_([this](const std::string& name, pid_t pid) { ended(name, pid); }),
        follower_([this] { follow(); }) {}

  ~SystemdSupervisor() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    follower_.join();
  }

  void define(const std::vector<MonitProcess>& processes) override {
    const std::lock_guard control(control_);
    std::vector<MonitProcess> old;
    {
      const std::lock_guard lock(mutex_);
      old = std::exchange(processes_, in_start_order(processes));
    }
    for (const auto& process : old) {
      const auto stays = [&](const auto& other) { return other.name == process.name; };
      if (std::any_of(processes.begin(), processes.end(), stays)) continue;
      systemctl({"stop", unit_name(process.name)}, 5min);
      std::error_code ignored;
      fs::remove(fs::path(unit_folder) / unit_name(process.name), ignored);
      removed_ = true;
    }
    write_units(true);
  }

  void start() override {
    const std::lock_guard control(control_);
    write_units(true);
    const auto units = names();
    if (units.empty()) return;
    {
      const std::lock_guard lock(mutex_);
      wanted_ = true;
      settling_ = true;
    }
    auto reset = units;
    reset.insert(reset.begin(), "reset-failed");
    systemctl(reset);
    auto words = units;
    words.insert(words.begin(), {"start", "--no-block"});
    systemctl_checked(words);
    changed_.notify_all();
  }

  void stop(std::chrono::seconds limit) override {
    const std::lock_guard control(control_);
    {
      const std::lock_guard lock(mutex_);
      wanted_ = false;
    }
    pids_.watch({});
    const auto units = names();
    if (units.empty()) return;
    auto words = units;
    words.insert(words.begin(), "stop");
    const auto result = systemctl(words, limit);
    if (!result.timed_out) return;
    log_.warn("jobs.stop_killed", {{"after_s", std::to_string(limit.count())}});
    auto kill = units;
    kill.insert(kill.begin(), {"kill", "--signal=SIGKILL"});
    systemctl(kill);
  }

  void unmonitor() override {
    const std::lock_guard control(control_);
    {
      const std::lock_guard lock(mutex_);
      wanted_ = false;
    }
    pids_.watch({});
    write_units(false);
  }

  void restart(const std::string& process) override {
    const std::lock_guard control(control_);
    {
      const std::lock_guard lock(mutex_);
      if (!wanted_) return;
      settling_ = true;
      restarting_[process] = main_pid(process);
    }
    systemctl_checked({"restart", "--no-block", unit_name(process)});
    changed_.notify_all();
  }

  std::vector<ProcessStatus> status() override {
    std::vector<std::string> processes;
    bool wanted = false;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& process : processes_) processes.push_back(process.name);
      wanted = wanted_;
    }
    if (processes.empty()) return {};
    std::vector<std::string> words{"show", "-p",
                                   "Id,ActiveState,SubState,MainPID,ActiveEnterTimestampMonotonic"};
    for (const auto& name : processes) words.push_back(unit_name(name));
    const auto result = systemctl(words);
    if (!result.ok()) throw Error(Fault::internal, "systemctl show: " + result.standard_error);
    return read_status(result.standard_output, processes, wanted);
  }

 private:
  static std::vector<ProcessStatus> read_status(const std::string& text, const std::vector<std::string>& processes,
                                                bool wanted) {
    // Blocks of "key=value" lines, a blank line between units, in the order asked.
    std::vector<std::map<std::string, std::string>> units(1);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.empty()) {
        units.emplace_back();
        continue;
      }
      const auto equals = line.find('=');
      if (equals != std::string::npos) units.back()[line.substr(0, equals)] = line.substr(equals + 1);
    }
    std::vector<ProcessStatus> result;
    for (std::size_t index = 0; index < processes.size(); ++index) {
      ProcessStatus status{.name = processes[index], .state = "stopped"};
      if (index < units.size()) {
        status.state = state_of(units[index]);
        status.pid = std::atoi(units[index]["MainPID"].c_str());
        if (status.state == "running") {
          status.uptime_seconds = seconds_since(units[index]["ActiveEnterTimestampMonotonic"]);
        }
      }
      if (wanted && status.state == "stopped") status.state = "failing";
      result.push_back(std::move(status));
    }
    return result;
  }

  std::vector<std::string> names() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> result;
    for (const auto& process : processes_) result.push_back(unit_name(process.name));
    return result;
  }

  void write_units(bool restart) {
    std::vector<MonitProcess> processes;
    {
      const std::lock_guard lock(mutex_);
      processes = processes_;
    }
    fs::create_directories(unit_folder);
    bool reload = removed_;
    for (const auto& process : processes) {
      const fs::path file = fs::path(unit_folder) / unit_name(process.name);
      const std::string text = render_unit(process, restart, program_);
      if (fs::exists(file) && read_file(file) == text) continue;
      write_file_atomically(file, text);
      reload = true;
    }
    // Costs systemd a look at every unit it has.
    if (reload) systemctl_checked({"daemon-reload"});
    removed_ = false;
  }

  pid_t main_pid(const std::string& process) const {
    const auto found = std::find_if(processes_.begin(), processes_.end(), [&](const auto& one) { return one.name == process; });
    return found == processes_.end() ? 0 : living_pid(found->pid_file);
  }

  void ended(const std::string& name, pid_t pid) {
    {
      const std::lock_guard lock(mutex_);
      if (!wanted_) return;
      settling_ = true;
      const auto asked_for = restarting_.find(name);
      if (asked_for != restarting_.end() && asked_for->second == pid) {
        restarting_.erase(asked_for);
        return;
      }
    }
    log_.warn("process.ended", {{"process", name}});
    on_failure_({.process = name, .description = "process is not running"});
    changed_.notify_all();
  }

  // Looks at systemd only while something is on its way, and now and then to be sure; once
  // all run, the pidfds tell.
  void follow() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      if (!wanted_) {
        changed_.wait(lock, [this] { return ending_ || wanted_; });
        continue;
      }
      changed_.wait_for(lock, settling_ ? 500ms : 15'000ms);
      if (ending_ || !wanted_) continue;
      lock.unlock();
      bool all_running = true;
      std::map<std::string, pid_t> running;
      try {
        for (const auto& process : status()) {
          if (process.state == "running" && process.pid > 0) {
            running[process.name] = process.pid;
          } else {
            all_running = false;
          }
        }
      } catch (const std::exception& error) {
        log_.warn("supervisor.look_failed", {{"error", error.what()}});
        all_running = false;
      }
      lock.lock();
      settling_ = !all_running;
      if (wanted_) {
        lock.unlock();
        pids_.watch(running);
        lock.lock();
      }
    }
  }

  OnFailure on_failure_;
  NodeLog log_;
  const std::string program_ = fs::read_symlink("/proc/self/exe").string();
  bool removed_ = false;  // a unit file went since the last reload; under control_
  std::mutex control_;  // one change of the set at a time; taken before mutex_
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<MonitProcess> processes_;
  std::map<std::string, pid_t> restarting_;  // whose end was asked for
  bool wanted_ = false;
  bool settling_ = false;
  bool ending_ = false;
  PidWatch pids_;
  std::thread follower_;
};

}  // namespace

std::unique_ptr<Supervisor> make_systemd_supervisor(Supervisor::OnFailure on_failure, const NodeLog& log) {
  return std::make_unique<SystemdSupervisor>(std::move(on_failure), log);
}

}  // namespace slipway::agent
