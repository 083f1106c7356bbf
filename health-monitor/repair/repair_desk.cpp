#include "health-monitor/repair/repair_desk.hpp"

namespace slipway::health {

using namespace std::chrono_literals;

namespace {

constexpr auto watch_wait = 5s;      // and so long an end of ours may have to wait
constexpr auto pause_after_failure = 1s;

// The task could not take the deployment's lock: somebody else works there.
bool was_locked_out(const std::string& result) { return result.find("Failed to acquire lock") != std::string::npos; }

}  // namespace

RepairDesk::RepairDesk(const DirectorClient& director, RepairOptions options, Clock& clock,
                       std::unique_ptr<Executor> executor, std::function<bool()> still_leading,
                       std::function<void(const std::string&)> ended, Log log)
    : director_(director),
      options_(options),
      clock_(clock),
      still_leading_(std::move(still_leading)),
      ended_(std::move(ended)),
      log_(std::move(log)),
      executor_(std::move(executor)) {}

RepairDesk::~RepairDesk() { stopping_ = true; }

void RepairDesk::take(const RepairOrder& order) {
  const bool taken = executor_->try_submit([this, order] {
    auto outcome = carry_out(order);
    ended_(order.deployment);
    put(std::move(outcome));
  });
  if (!taken) put({.deployment = order.deployment, .end = RepairOutcome::End::not_begun, .error = "too many at once"});
}

std::vector<RepairOutcome> RepairDesk::outcomes() {
  std::lock_guard lock(mutex_);
  return std::exchange(outcomes_, {});
}

void RepairDesk::put(RepairOutcome outcome) {
  std::lock_guard lock(mutex_);
  outcomes_.push_back(std::move(outcome));
}

// One that is under way already, of a former life or of another monitor, is followed rather than doubled.
RepairOutcome RepairDesk::carry_out(const RepairOrder& order) {
  RepairOutcome outcome{.deployment = order.deployment, .end = RepairOutcome::End::not_begun};
  try {
    if (stopping_ || !still_leading_()) {
      outcome.error = "this monitor does not act any more";
      return outcome;
    }
    auto task = director_.repair_under_way(order.deployment);
    if (!task) task = director_.repair(order, options_);
    if (!task) {
      outcome.end = RepairOutcome::End::paused;
      return outcome;
    }
    log_.info("repair.asked", {{"deployment", order.deployment}, {"rung", to_string(order.rung)}, {"task", *task}});
    return follow(order.deployment, *task);
  } catch (const std::exception& error) {
    outcome.error = error.what();
    log_.warn("repair.not_begun", {{"deployment", order.deployment}, {"error", error.what()}});
    return outcome;
  }
}

// The director may die and come back meanwhile; the task is there again then.
RepairOutcome RepairDesk::follow(const std::string& deployment, const std::string& task) {
  RepairOutcome outcome{.deployment = deployment, .end = RepairOutcome::End::not_begun, .task = task};
  std::uint64_t version = 0;
  while (!stopping_) {
    try {
      const auto end = director_.watch(task, version, watch_wait);
      if (!end) continue;
      outcome.end = end->done ? RepairOutcome::End::done : RepairOutcome::End::failed;
      if (!end->done) {
        outcome.error = end->result;
        if (was_locked_out(end->result)) outcome.end = RepairOutcome::End::not_begun;
      }
      return outcome;
    } catch (const Error& error) {
      if (error.fault() == Fault::not_found) {
        outcome.error = error.what();
        return outcome;
      }
      version = 0;
      clock_.sleep_for(pause_after_failure);
    }
  }
  outcome.error = "the monitor ends";
  return outcome;
}

}  // namespace slipway::health
