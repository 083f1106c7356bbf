#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/sql/database.hpp"
#include "director/tasks/task.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

struct TaskFilter {
  std::vector<TaskState> states;
  std::vector<std::string> types;  // empty: all
  std::string deployment, context_id;
  int limit = 30;
  bool include_internal = false;   // verbose=2
};

// Rows of the tasks table. A claim is a compare-and-set with the director's process id and
// a fencing number, so that two directors on one store never run one task twice.
class Tasks {
 public:
  Tasks(sql::Database& db, std::string output_folder) : db_(db), output_folder_(std::move(output_folder)) {}
  TaskRecord insert(TaskRecord task, Timestamp now);
  std::optional<TaskRecord> find(TaskId id);
  std::vector<TaskRecord> list(const TaskFilter& filter);
  std::optional<TaskRecord> claim(const std::string& director, const std::vector<std::string>& types, Timestamp now);
  // Tasks that a dead director left processing or cancelling come back as claimed by this one.
  std::vector<TaskRecord> take_over(const std::string& director, Timestamp now, std::chrono::seconds silent_for);
  bool holds(const TaskRecord& claimed, const std::string& director);  // false: somebody else does by now
  bool heartbeat(TaskId id, const std::string& director, Timestamp now);  // false: somebody else holds it
  // Queued becomes cancelled, processing becomes cancelling; false from any other state.
  bool request_cancel(TaskId id, Timestamp now);
  bool move(TaskId id, TaskState to, const std::string& result, Timestamp now);  // false: not legal from its state
  // Like move, by the one who claimed it: false when another director holds the task by now.
  bool finish(const TaskRecord& claimed, const std::string& director, TaskState to, const std::string& result,
              Timestamp now);
  // Running tasks of a director that stops in good order: the next start resumes them at once.
  void let_go(const std::string& director);
  // Removes finished tasks, oldest first, with their steps and outputs until at most `keep_per_type`
  // of each type remain, and those that finished before `older_than`. Returns how many.
  std::size_t remove_old(std::size_t keep_per_type, std::optional<Timestamp> older_than);
  // `task`, or the task submitted before with the same non-empty context id, user, type and arguments
  // at or after `since`: a client repeats a POST whose answer was lost.
  TaskRecord insert_once(TaskRecord task, Timestamp since, Timestamp now);
  std::string output_path(TaskId id, const std::string& kind) const;  // event, result, debug, cpi

 private:
  sql::Database& db_;
  std::string output_folder_;
};

enum class TaskChange { output, state };

// Runs tasks on bounded workers, wakes without polling, resumes after a restart: a body is
// called again with the same arguments and finds its finished steps in the journal.
class TaskQueue {
 public:
  using Body = std::function<std::string(TaskContext&)>;  // returns the short result text

  struct Options {
    std::string director_id;        // unique for each process start
    std::size_t workers = 3;
    std::size_t urgent_workers = 2;  // types registered as urgent never wait behind deploys
    // Nobody else runs on this store (see DirectorLease): what another director left is
    // taken over at once. Otherwise only after its heartbeat was missing for so long.
    bool sole_director = true;
    std::chrono::seconds heartbeat{30};
    std::chrono::seconds silent_for{120};
    // Finished tasks of a type that are kept with their outputs; looked at hourly.
    std::size_t keep_per_type = 2000;
    // False: there are no threads; the owner calls run_next() and keep_up() itself, as a simulation of time does.
    bool own_threads = true;
  };
  TaskQueue(Tasks& tasks, Clock& clock, Log log, Options options);
  ~TaskQueue();  // stop()

  void register_type(const std::string& type, Body body, bool urgent = false);
  // Told, besides those who wait, after every line of a task's outputs and every change of its
  // state, from any thread. Set before start().
  void on_change(std::function<void(TaskId, TaskChange)> told);
  void start();                     // takes over what a dead director left, then runs
  // Fault::invalid for a type that is not registered.
  TaskRecord submit(TaskRecord task);  // the same task again for a repeated context id (10 minutes)
  bool cancel(TaskId id);           // Fault::not_found; false when not cancellable
  // A deploy ends as cancelled before it begins with another instance: none is left half done. A task that has
  // no instances goes on to its end. Kept in memory only: who wants it asks again until the task has ended.
  // Fault::not_found; false when it has ended.
  bool stop_between_instances(TaskId id);
  // Returns as soon as the task's state or outputs have changed since `version`, or at the
  // deadline. For long polls; `version` 0 returns at once.
  std::uint64_t wait_for_change(TaskId id, std::uint64_t version, std::chrono::milliseconds timeout);
  // Without threads of its own: runs one task, if there is one, on the caller's; true when there was.
  bool run_next(bool urgent);
  // Without threads of its own: due every `heartbeat`. Says that the running tasks are still ours and finds out
  // which are not, or were cancelled elsewhere.
  void keep_up();
  void stop();                      // running tasks are left to be resumed by the next start

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::director
