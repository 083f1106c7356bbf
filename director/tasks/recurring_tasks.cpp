#include "director/tasks/recurring_tasks.hpp"

#include <algorithm>

namespace slipway::director {

RecurringTasks::RecurringTasks(TaskQueue& queue, Tasks& tasks, Clock& clock, Log log,
                               std::vector<RecurringTask> tasks_to_make, Looking looking)
    : queue_(queue), tasks_(tasks), clock_(clock), log_(std::move(log)) {
  for (auto& task : tasks_to_make) {
    const auto first = clock_.monotonic() + task.every;
    planned_.push_back({std::move(task), first});
  }
  if (!planned_.empty() && looking == Looking::by_itself) thread_ = std::thread([this] { run(); });
}

RecurringTasks::~RecurringTasks() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

RecurringTasks::Planned& RecurringTasks::next_planned() {
  return *std::min_element(planned_.begin(), planned_.end(),
                           [](const Planned& a, const Planned& b) { return a.next < b.next; });
}

void RecurringTasks::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto next = next_planned().next;
    if (clock_.monotonic() < next) {
      clock_.wait_until(lock, stopped_, next);
      continue;
    }
    lock.unlock();
    submit_due();
    lock.lock();
  }
}

void RecurringTasks::submit_due() {
  while (!planned_.empty() && next_planned().next <= clock_.monotonic()) {
    auto& due = next_planned();
    due.next = clock_.monotonic() + due.task.every;
    submit(due.task);
  }
}

void RecurringTasks::submit(const RecurringTask& recurring) {
  try {
    if (!recurring.has_work()) return;
    TaskFilter running;
    running.states = {TaskState::queued, TaskState::processing, TaskState::cancelling};
    running.types = {recurring.type};
    running.limit = 1;
    running.include_internal = true;
    if (!tasks_.list(running).empty()) return;
    TaskRecord task;
    task.type = recurring.type;
    task.description = recurring.description;
    task.user = "scheduler";
    queue_.submit(std::move(task));
  } catch (const std::exception& error) {
    log_.error("recurring_task.failed", {{"type", recurring.type}, {"error", error.what()}});
  }
}

}  // namespace slipway::director
