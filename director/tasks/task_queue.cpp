#include "director/tasks/task_queue.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

#include "director/tasks/task_output.hpp"

namespace slipway::director {
namespace {

using namespace std::chrono_literals;

constexpr auto repeats_count_within = 10min;
constexpr std::size_t max_result = 128;
constexpr int unknown_error = 100;

// Cut between characters, so that the text stays UTF-8.
std::string shortened(std::string text) {
  if (text.size() <= max_result) return text;
  std::size_t end = max_result - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "...";
}

struct Outcome {
  TaskRecord task;
  TaskState state = TaskState::done;
  std::string result;
};

// Who follows a task is told of every line.
struct Watched {
  std::uint64_t version = 0;
  std::condition_variable changed;
};

}  // namespace

struct TaskQueue::State {
  struct Type {
    Body body;
    bool urgent = false;
  };

  struct Running {
    Running(TaskRecord record, const Tasks& tasks, const std::function<void()>& changed)
        : task(std::move(record)),
          cancelled(task.state == TaskState::cancelling),
          event(tasks.output_path(task.id, "event"), changed),
          result(tasks.output_path(task.id, "result"), changed),
          debug(tasks.output_path(task.id, "debug"), changed),
          cpi(tasks.output_path(task.id, "cpi"), changed) {}
    const TaskRecord task;
    std::atomic<bool> cancelled;    // somebody asked for it
    std::atomic<bool> stopping{false};     // somebody wants it to end between two instances
    std::atomic<bool> interrupted{false};  // the director stops, or the task is another's by now
    FileOutput event, result, debug, cpi;
  };

  State(Tasks& the_tasks, Clock& the_clock, Log the_log, Options the_options)
      : tasks(the_tasks), clock(the_clock), log(std::move(the_log)), options(std::move(the_options)) {
    // Versions of an earlier process must not look like ones of this process.
    first_version = static_cast<std::uint64_t>(clock.now().time_since_epoch().count()) * 1000;
  }

  Tasks& tasks;
  Clock& clock;
  Log log;
  const Options options;

  std::mutex mutex;
  std::condition_variable work;
  std::condition_variable tick;
  std::uint64_t generation = 0;  // rises when there may be something to claim
  bool started = false;
  bool stopping = false;
  std::map<std::string, Type> types;
  std::deque<TaskRecord> resumed;
  std::map<TaskId, std::shared_ptr<Running>> running;
  std::map<TaskId, std::shared_ptr<Watched>> watched;
  std::uint64_t first_version = 0;
  std::function<void(TaskId, TaskChange)> told = [](TaskId, TaskChange) {};
  std::vector<Outcome> unsaved;  // could not be written, for example to a full disk
  std::vector<std::thread> threads;

  std::vector<std::string> types_of(bool urgent) const {
    std::vector<std::string> names;
    for (const auto& [name, type] : types)
      if (type.urgent == urgent) names.push_back(name);
    return names;
  }

  // With the mutex held.
  std::shared_ptr<Watched> watch(TaskId id) {
    auto& entry = watched[id];
    if (!entry) {
      entry = std::make_shared<Watched>();
      entry->version = first_version + 1;
    }
    return entry;
  }

  void changed(TaskId id, TaskChange what) {
    {
      std::lock_guard lock(mutex);
      const auto entry = watch(id);
      ++entry->version;
      entry->changed.notify_all();
    }
    told(id, what);
  }

  void wake_workers() {
    {
      std::lock_guard lock(mutex);
      ++generation;
    }
    work.notify_all();
  }

  void take_over() {
    const auto silent_for = options.sole_director ? 0s : options.silent_for;
    for (auto& task : tasks.take_over(options.director_id, clock.now(), silent_for)) {
      log.info("task.resumed", {{"task", std::to_string(task.id)}, {"type", task.type}});
      std::lock_guard lock(mutex);
      resumed.push_back(std::move(task));
    }
    wake_workers();
  }

  std::optional<TaskRecord> next(bool urgent, const std::vector<std::string>& names) {
    {
      std::lock_guard lock(mutex);
      const auto it = std::find_if(resumed.begin(), resumed.end(), [&](const TaskRecord& task) {
        const auto type = types.find(task.type);
        return (type != types.end() && type->second.urgent) == urgent;
      });
      if (it != resumed.end()) {
        auto task = std::move(*it);
        resumed.erase(it);
        return task;
      }
    }
    return tasks.claim(options.director_id, names, clock.now());
  }

  bool run_next(bool urgent) {
    auto task = next(urgent, types_of(urgent));
    if (!task) return false;
    run(std::move(*task));
    return true;
  }

  void work_on(bool urgent) {
    const auto names = types_of(urgent);
    std::uint64_t seen = 0;
    while (true) {
      {
        std::lock_guard lock(mutex);
        if (stopping) return;
        seen = generation;
      }
      try {
        if (auto task = next(urgent, names)) {
          run(std::move(*task));
          continue;
        }
        std::unique_lock lock(mutex);
        work.wait(lock, [&] { return stopping || generation != seen; });
      } catch (const std::exception& error) {
        log.error("task.claim_failed", {{"error", error.what()}});
        std::unique_lock lock(mutex);
        work.wait_for(lock, 1s, [&] { return stopping; });
      }
    }
  }

  void run(TaskRecord record) {
    const auto id = record.id;
    // A body that is called again says its whole result again.
    if (record.fence > 1) std::filesystem::remove(tasks.output_path(id, "result"));
    const auto current = std::make_shared<Running>(std::move(record), tasks,
                                                   [this, id] { changed(id, TaskChange::output); });
    {
      std::lock_guard lock(mutex);
      running[id] = current;
      current->interrupted = stopping;
    }
    // Cancelled after the claim and before it was known here to run.
    if (const auto row = tasks.find(id); row && row->state == TaskState::cancelling) current->cancelled = true;
    changed(id, TaskChange::state);
    auto outcome = execute(*current);
    {
      std::lock_guard lock(mutex);
      running.erase(id);
    }
    if (outcome) save(std::move(*outcome));
    changed(id, TaskChange::state);
    forget_watched();
  }

  // Empty: interrupted, to be resumed by another start.
  std::optional<Outcome> execute(Running& current) {
    TaskContext context(current.task, clock, current.event, current.result, current.debug, current.cpi,
                        [&current] { return current.cancelled.load(); },
                        [&current] { return current.interrupted.load(); },
                        [this, &current] { return tasks.holds(current.task, options.director_id); },
                        [&current] { interrupt(current); }, [&current] { return current.stopping.load(); });
    const auto failed = [&](TaskState state, int code, const std::string& message) -> std::optional<Outcome> {
      if (current.interrupted && !current.cancelled) return std::nullopt;
      try {
        context.event_error(code, message);
        context.debug("task ends as " + to_string(state) + ": " + message);
      } catch (const std::exception& error) {
        log.error("task.output_failed", {{"task", std::to_string(current.task.id)}, {"error", error.what()}});
      }
      return Outcome{current.task, state, shortened(message)};
    };
    Body body;
    {
      std::lock_guard lock(mutex);
      if (const auto type = types.find(current.task.type); type != types.end()) body = type->second.body;
    }
    if (!body)
      return failed(TaskState::error, unknown_error,
                    "this director knows no tasks of type '" + current.task.type + "'");
    try {
      return Outcome{current.task, TaskState::done, shortened(body(context))};
    } catch (const Error& error) {
      bool cancelled = error.fault() == Fault::cancelled && current.cancelled;
      if (error.fault() == Fault::cancelled && current.stopping && !current.interrupted) {
        tasks.request_cancel(current.task.id, clock.now());  // no other state leads to cancelled
        cancelled = true;
      }
      return failed(cancelled ? TaskState::cancelled : TaskState::error,
                    error.code() != 0 ? error.code() : unknown_error, error.what());
    } catch (const std::exception& error) {
      return failed(TaskState::error, unknown_error, error.what());
    } catch (...) {
      return failed(TaskState::error, unknown_error, "unknown failure");
    }
  }

  void save(Outcome outcome) {
    try {
      store(outcome);
    } catch (const std::exception& error) {
      log.error("task.outcome_not_stored", {{"task", std::to_string(outcome.task.id)}, {"error", error.what()}});
      std::lock_guard lock(mutex);
      unsaved.push_back(std::move(outcome));
    }
  }

  void store(const Outcome& outcome) {
    const auto now = clock.now();
    if (tasks.finish(outcome.task, options.director_id, outcome.state, outcome.result, now)) return;
    log.warn("task.no_longer_held", {{"task", std::to_string(outcome.task.id)}});
  }

  // The table of watched tasks stays small; who asks again about a task that is over gets
  // its first version, which differs from the one he has.
  void forget_watched() {
    std::lock_guard lock(mutex);
    constexpr std::size_t keep = 4096;
    for (auto it = watched.begin(); watched.size() > keep && it != watched.end();) {
      const bool idle = it->second.use_count() == 1 && !running.contains(it->first);
      it = idle ? watched.erase(it) : std::next(it);
    }
  }

  void beat() {
    std::vector<std::shared_ptr<Running>> now_running;
    std::vector<Outcome> again;
    {
      std::lock_guard lock(mutex);
      for (const auto& [id, current] : running) now_running.push_back(current);
      again.swap(unsaved);
    }
    for (auto& outcome : again) save(std::move(outcome));
    for (const auto& current : now_running) {
      const auto id = current->task.id;
      if (!tasks.heartbeat(id, options.director_id, clock.now())) {
        interrupt(*current);
        continue;
      }
      // Cancelled through another director.
      if (const auto row = tasks.find(id); row && row->state == TaskState::cancelling) current->cancelled = true;
    }
    if (!options.sole_director) take_over();
  }

  static void interrupt(Running& current) {
    current.event.mute();
    current.result.mute();
    current.interrupted = true;
  }

  void forget_old_tasks() {
    if (const auto count = tasks.remove_old(options.keep_per_type, std::nullopt); count > 0)
      log.info("task.old_removed", {{"tasks", std::to_string(count)}});
  }

  void keep_beating() {
    // Other directors' clients submit tasks that nobody here hears of.
    const auto pause = options.sole_director ? std::chrono::milliseconds(options.heartbeat) : 1000ms;
    auto next_beat = std::chrono::steady_clock::now() + options.heartbeat;
    auto next_cleaning = std::chrono::steady_clock::now() + options.heartbeat;
    std::unique_lock lock(mutex);
    while (!tick.wait_for(lock, pause, [&] { return stopping; })) {
      lock.unlock();
      try {
        if (std::chrono::steady_clock::now() >= next_beat) {
          next_beat = std::chrono::steady_clock::now() + options.heartbeat;
          beat();
        }
        if (std::chrono::steady_clock::now() >= next_cleaning) {
          next_cleaning = std::chrono::steady_clock::now() + 1h;
          forget_old_tasks();
        }
        if (!options.sole_director) wake_workers();
      } catch (const std::exception& error) {
        log.error("task.heartbeat_failed", {{"error", error.what()}});
      }
      lock.lock();
    }
  }
};

TaskQueue::TaskQueue(Tasks& tasks, Clock& clock, Log log, Options options)
    : state_(std::make_unique<State>(tasks, clock, std::move(log), std::move(options))) {}

TaskQueue::~TaskQueue() { stop(); }

void TaskQueue::register_type(const std::string& type, Body body, bool urgent) {
  std::lock_guard lock(state_->mutex);
  if (state_->started) throw Error(Fault::internal, "task types are registered before the queue starts");
  state_->types[type] = {std::move(body), urgent};
}

void TaskQueue::on_change(std::function<void(TaskId, TaskChange)> told) { state_->told = std::move(told); }

void TaskQueue::start() {
  auto& state = *state_;
  {
    std::lock_guard lock(state.mutex);
    if (state.started) throw Error(Fault::internal, "the task queue has been started before");
    state.started = true;
  }
  state.take_over();
  if (!state.options.own_threads) return;
  for (std::size_t i = 0; i < state.options.workers; ++i)
    state.threads.emplace_back([&state] { state.work_on(false); });
  for (std::size_t i = 0; i < state.options.urgent_workers; ++i)
    state.threads.emplace_back([&state] { state.work_on(true); });
  state.threads.emplace_back([&state] { state.keep_beating(); });
}

TaskRecord TaskQueue::submit(TaskRecord task) {
  {
    std::lock_guard lock(state_->mutex);
    if (!state_->types.contains(task.type))
      throw Error(Fault::invalid, "this director knows no tasks of type '" + task.type + "'");
  }
  const auto now = state_->clock.now();
  auto stored = state_->tasks.insert_once(std::move(task), now - repeats_count_within, now);
  state_->wake_workers();
  return stored;
}

bool TaskQueue::cancel(TaskId id) {
  if (!state_->tasks.find(id)) throw Error(Fault::not_found, "Task " + std::to_string(id) + " not found");
  if (!state_->tasks.request_cancel(id, state_->clock.now())) return false;
  {
    std::lock_guard lock(state_->mutex);
    if (const auto it = state_->running.find(id); it != state_->running.end()) it->second->cancelled = true;
    for (auto& task : state_->resumed)
      if (task.id == id) task.state = TaskState::cancelling;
  }
  state_->changed(id, TaskChange::state);
  return true;
}

bool TaskQueue::stop_between_instances(TaskId id) {
  const auto task = state_->tasks.find(id);
  if (!task) throw Error(Fault::not_found, "Task " + std::to_string(id) + " not found");
  if (task->state == TaskState::queued) return cancel(id);
  if (is_final(task->state)) return false;
  std::lock_guard lock(state_->mutex);
  if (const auto it = state_->running.find(id); it != state_->running.end()) it->second->stopping = true;
  return true;
}

std::uint64_t TaskQueue::wait_for_change(TaskId id, std::uint64_t version, std::chrono::milliseconds timeout) {
  auto& state = *state_;
  const auto deadline = state.clock.monotonic() + timeout;
  std::unique_lock lock(state.mutex);
  const auto entry = state.watch(id);
  while (entry->version == version && !state.stopping && state.clock.monotonic() < deadline)
    state.clock.wait_until(lock, entry->changed, deadline);
  return entry->version;
}

bool TaskQueue::run_next(bool urgent) { return state_->run_next(urgent); }

void TaskQueue::keep_up() { state_->beat(); }

void TaskQueue::stop() {
  auto& state = *state_;
  {
    std::lock_guard lock(state.mutex);
    if (state.stopping) return;
    state.stopping = true;
    for (const auto& [id, current] : state.running)
      if (!current->cancelled) State::interrupt(*current);
    for (const auto& [id, entry] : state.watched) entry->changed.notify_all();
  }
  state.work.notify_all();
  state.tick.notify_all();
  for (auto& thread : state.threads) thread.join();
  for (const auto& outcome : state.unsaved) {
    try {
      state.store(outcome);
    } catch (const std::exception& error) {
      state.log.error("task.outcome_not_stored",
                      {{"task", std::to_string(outcome.task.id)}, {"error", error.what()}});
    }
  }
  try {
    if (state.started) state.tasks.let_go(state.options.director_id);
  } catch (const std::exception& error) {
    state.log.error("task.let_go_failed", {{"error", error.what()}});
  }
}

}  // namespace slipway::director
