#include "stemcells/agent/tasks.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::agent {

namespace {

constexpr std::size_t max_waiting = 128;
constexpr std::size_t max_finished = 256;
constexpr std::size_t max_result_bytes = 4u << 20;  // kept altogether

struct Task {
  std::string id, method, request_key;
  bool cancellable = false;
  Tasks::Work work;
  std::atomic<bool> cancelled{false};
  std::optional<Json> value;
  std::optional<std::string> failure;
  std::size_t result_bytes = 0;
  bool finished() const { return value || failure; }
};

}  // namespace

struct Tasks::State {
  State(Random& from, std::function<void(const std::string&)> told)
      : random(from), ended(std::move(told)), thread([this] { run(); }) {}

  Random& random;
  const std::function<void(const std::string&)> ended;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::shared_ptr<Task>> tasks;
  std::deque<std::shared_ptr<Task>> waiting;
  std::deque<std::shared_ptr<Task>> finished;
  std::shared_ptr<Task> running;
  std::size_t kept_bytes = 0;
  bool ending = false;
  std::thread thread;

  std::shared_ptr<Task> find(const std::string& id) const {
    const auto found = tasks.find(id);
    if (found == tasks.end()) throw Error(Fault::not_found, "Task with id " + id + " could not be found");
    return found->second;
  }

  static void execute(Task& task) {
    std::optional<Json> value;
    std::optional<std::string> failure;
    try {
      if (task.cancelled) throw Error(Fault::cancelled, "the task was cancelled before it began");
      value = task.work(task.cancelled);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    task.work = nullptr;
    task.result_bytes = failure ? failure->size() : dump(*value).size();
    if (!failure && task.result_bytes > max_payload_bytes) {
      value.reset();
      failure = "Response exceeded maximum allowed length";
    }
    task.value = std::move(value);
    task.failure = std::move(failure);
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return ending || !waiting.empty(); });
      if (ending) return;
      running = waiting.front();
      waiting.pop_front();
      // Results are written without the lock, but only poll() reads them, and only from
      // tasks that are not `running`.
      const auto task = running;
      lock.unlock();
      execute(*task);
      lock.lock();
      running.reset();
      finished.push_back(task);
      kept_bytes += task->result_bytes;
      while (finished.size() > max_finished || (kept_bytes > max_result_bytes && finished.size() > 1)) {
        kept_bytes -= finished.front()->result_bytes;
        tasks.erase(finished.front()->id);
        finished.pop_front();
      }
      lock.unlock();
      ended(task->id);
      lock.lock();
    }
  }
};

Tasks::Tasks(Random& random, std::function<void(const std::string&)> ended)
    : state_(std::make_unique<State>(random, std::move(ended))) {}

Tasks::~Tasks() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
    if (state_->running) state_->running->cancelled = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

std::string Tasks::submit(const std::string& method, bool cancellable, const std::string& request_key, Work work) {
  const std::lock_guard lock(state_->mutex);
  if (!request_key.empty()) {
    for (const auto& [id, task] : state_->tasks) {
      if (task->request_key == request_key && task->method == method) return id;
    }
  }
  if (state_->waiting.size() >= max_waiting) {
    throw Error(Fault::exhausted, "too many tasks are waiting (" + std::to_string(max_waiting) + ")");
  }
  auto task = std::make_shared<Task>();
  task->id = state_->random.uuid();
  task->method = method;
  task->request_key = request_key;
  task->cancellable = cancellable;
  task->work = std::move(work);
  state_->tasks[task->id] = task;
  state_->waiting.push_back(task);
  state_->changed.notify_all();
  return task->id;
}

Json Tasks::poll(const std::string& id) const {
  const std::lock_guard lock(state_->mutex);
  const auto task = state_->find(id);
  if (task == state_->running || !task->finished()) return running_task(id);
  if (task->failure) throw Error(Fault::internal, "Task " + id + " result: " + *task->failure);
  return *task->value;
}

void Tasks::cancel(const std::string& id) {
  const std::lock_guard lock(state_->mutex);
  const auto task = state_->find(id);
  if (!task->cancellable) throw Error(Fault::conflict, "Task " + id + " (" + task->method + ") cannot be cancelled");
  task->cancelled = true;
}

}  // namespace slipway::agent
