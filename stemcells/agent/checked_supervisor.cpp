#include <algorithm>
#include <bit>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "stemcells/agent/pid_file.hpp"
#include "stemcells/agent/supervisor.hpp"

namespace slipway::agent {

namespace {

std::string name_of(const ConnectionCheck& check) {
  return check.unix_socket.empty() ? check.host + ":" + std::to_string(check.port) +
                                         (check.protocol == ConnectionCheck::Protocol::any ? "" : check.request)
                                   : check.unix_socket;
}

using SteadyClock = std::chrono::steady_clock;

// One check of one process through that process's life.
struct Watched {
  MonitProcess process;
  ConnectionCheck check;
  pid_t pid = 0;
  // Some take minutes before they listen, or wait for others: only who has answered can fall silent.
  bool has_answered = false;
  std::uint64_t failures = 0;  // a bit a look, the last one lowest
  bool failing = false;        // till it answers, whatever lives the process has meanwhile; under the supervisor's mutex_
  SteadyClock::time_point alive_since{}, next_look{};

  void begin_life(pid_t of) {
    pid = of;
    alive_since = SteadyClock::now();
    has_answered = false;
    failures = 0;
  }

  // Whoever is new is looked at often, so that its first answer is soon heard.
  SteadyClock::duration pause(SteadyClock::duration cycle) const {
    constexpr int cycles_of_youth = 6, looks_a_cycle = 10;
    const bool young = pid != 0 && !has_answered && SteadyClock::now() - alive_since < cycles_of_youth * cycle;
    return young ? cycle / looks_a_cycle : cycle;
  }

  // Whether one that has just begun has had the time its check gives it.
  bool is_late(SteadyClock::duration cycle) const {
    return !has_answered && SteadyClock::now() - alive_since >= check.failures * cycle;
  }

  // Whether it is time to act.
  bool note(bool good) {
    has_answered = has_answered || good;
    failures = failures << 1 | (good || !has_answered ? 0 : 1);
    const auto window = check.cycles == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << check.cycles) - 1;
    return std::popcount(failures & window) >= check.failures;
  }
};

class CheckedSupervisor final : public Supervisor {
 public:
  CheckedSupervisor(std::unique_ptr<Supervisor> inner, OnFailure on_failure, const NodeLog& log, Probe probe,
                    std::chrono::milliseconds cycle)
      : inner_(std::move(inner)), on_failure_(std::move(on_failure)), log_(log), probe_(std::move(probe)), cycle_(cycle) {}

  ~CheckedSupervisor() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    if (looker_.joinable()) looker_.join();
  }

  void define(const std::vector<MonitProcess>& processes) override {
    {
      const std::lock_guard lock(mutex_);
      watched_.clear();
      for (const auto& process : processes) {
        for (const auto& check : process.checks) {
          watched_.push_back(std::make_shared<Watched>(Watched{.process = process, .check = check}));
        }
      }
      // A node whose jobs have no checks has no thread for them.
      if (!watched_.empty() && !looker_.joinable()) looker_ = std::thread([this] { look(); });
    }
    inner_->define(processes);
  }

  void start() override {
    inner_->start();
    const std::lock_guard lock(mutex_);
    for (const auto& one : watched_) one->failing = false;
    looking_ = true;
    changed_.notify_all();
  }

  void stop(std::chrono::seconds limit) override {
    stop_looking();
    inner_->stop(limit);
  }

  void unmonitor() override {
    stop_looking();
    inner_->unmonitor();
  }

  void restart(const std::string& process) override { inner_->restart(process); }

  std::vector<ProcessStatus> status() override {
    auto all = inner_->status();
    const std::lock_guard lock(mutex_);
    if (!looking_) return all;
    for (const auto& one : watched_) {
      if (!one->failing) continue;
      const auto found = std::find_if(all.begin(), all.end(),
                                      [&](const auto& status) { return status.name == one->process.name; });
      if (found != all.end() && found->state == "running") found->state = "failing";
    }
    return all;
  }

 private:
  // No restart of ours begins after this.
  void stop_looking() {
    const std::lock_guard acting(acting_);
    const std::lock_guard lock(mutex_);
    looking_ = false;
  }

  void look() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      if (!looking_ || watched_.empty()) {
        changed_.wait(lock);
        continue;
      }
      const auto all = watched_;
      const auto next = std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
                          return a->next_look < b->next_look;
                        })->get()->next_look;
      if (SteadyClock::now() < next) {
        changed_.wait_until(lock, next);
        continue;
      }
      lock.unlock();
      for (const auto& one : all) {
        if (one->next_look > SteadyClock::now()) continue;
        // Who takes long to say nothing does not put off the next look.
        const auto begun = SteadyClock::now();
        look_at(*one);
        one->next_look = begun + one->pause(cycle_);
      }
      lock.lock();
    }
  }

  void look_at(Watched& one) {
    const auto pid = living_pid(one.process.pid_file);
    if (pid != one.pid) one.begin_life(pid);
    if (pid == 0) return;
    const auto problem = probe_(one.check);
    const bool is_due = one.note(problem.empty());
    {
      const std::lock_guard lock(mutex_);
      one.failing = !problem.empty() && (one.failing || is_due || one.is_late(cycle_));
    }
    if (is_due) act(one, name_of(one.check) + ": " + problem);
  }

  void act(Watched& one, const std::string& problem) {
    const std::lock_guard acting(acting_);
    {
      const std::lock_guard lock(mutex_);
      if (!looking_ || ending_) return;
    }
    const bool restarts = one.check.action == ConnectionCheck::Action::restart;
    log_.warn("process.does_not_answer", {{"process", one.process.name}, {"problem", problem}});
    on_failure_({.process = one.process.name,
                 .event = ProcessFailure::Event::connection_failed,
                 .description = problem,
                 .restarts = restarts});
    one.begin_life(restarts ? 0 : one.pid);
    if (!restarts) return;
    try {
      inner_->restart(one.process.name);
    } catch (const Error& error) {
      log_.warn("process.restart_failed", {{"process", one.process.name}, {"error", error.what()}});
    }
  }

  std::unique_ptr<Supervisor> inner_;
  OnFailure on_failure_;
  NodeLog log_;
  Probe probe_;
  std::chrono::milliseconds cycle_;
  std::mutex acting_;  // taken before mutex_
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Watched>> watched_;  // the list is under mutex_, what it names is the looker's
  bool looking_ = false;
  bool ending_ = false;
  std::thread looker_;
};

}  // namespace

std::unique_ptr<Supervisor> with_checks(std::unique_ptr<Supervisor> inner, Supervisor::OnFailure on_failure,
                                        const NodeLog& log, Probe probe, std::chrono::milliseconds cycle) {
  return std::make_unique<CheckedSupervisor>(std::move(inner), std::move(on_failure), log, std::move(probe), cycle);
}

}  // namespace slipway::agent
