#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cpi/contract/exec_client.hpp"
#include "director/store/stores.hpp"
#include "director/tasks/task.hpp"

namespace slipway::director {

// A line sink: the task's event, result, debug or cpi output (a file a task and kind).
class TaskOutput {
 public:
  virtual ~TaskOutput() = default;
  virtual void append(std::string_view line) = 0;  // adds the newline; thread-safe
};

// What a running task may touch of the task machinery: its outputs, progress and the
// question whether somebody cancelled it. Thread-safe; lives as long as the task runs.
class TaskContext {
 public:
  TaskContext(TaskRecord task, Clock& clock, TaskOutput& event, TaskOutput& result, TaskOutput& debug,
              TaskOutput& cpi, std::function<bool()> cancelled,
              std::function<bool()> interrupted = [] { return false; },
              std::function<bool()> held = [] { return true; },
              std::function<void()> lost = [] {},
              std::function<bool()> stopping = [] { return false; });

  const TaskRecord& task() const { return task_; }
  Clock& clock() { return clock_; }

  // Throws Fault::cancelled once the task is being cancelled. Called between steps.
  void checkpoint();
  // The same between two instances of a deployment, where it throws too once somebody wants the task to end
  // there: none is left half done.
  void between_instances();
  bool cancelled() const;    // somebody asked for it, or it is interrupted
  bool interrupted() const;  // the director stops; the task goes on with its next start

  // The same task, deaf to being cancelled but not to being interrupted: for what has to be put in
  // order after a cancellation. This object outlives it.
  TaskContext undisturbed() const;

  // Throws Fault::cancelled when another director has taken the task over. Called before what changes
  // something outside, a clean-up included: a director that was silent for long finds out in time.
  void require_held() const;
  // The same for who found out that it is another's by now: nothing of it is told any more.
  [[noreturn]] void lose() const;

  // One row of a stage: writes "started" now, "finished" when it dies, "failed" with the error
  // when it dies by an exception. `status()` writes "in_progress" (e.g. "installing packages").
  class Step {
   public:
    Step(TaskContext& context, std::string stage, std::vector<std::string> tags, int total, int index,
         std::string name);
    ~Step();
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    void status(const std::string& text);
    void fail(const std::string& error);

   private:
    void write(const char* state, int progress, const Json& data);
    TaskContext& context_;
    std::string stage_;
    std::vector<std::string> tags_;
    int total_, index_;
    std::string name_;
    int exceptions_at_start_;
    bool ended_ = false;
  };

  // Rows of one stage get indices 1…total in the order they begin, from any thread.
  class Stage {
   public:
    Stage(TaskContext& context, std::string name, int total, std::vector<std::string> tags = {});
    // Runs `work(step)`; the row is "finished" or "failed". Rethrows.
    void run(const std::string& row, const std::function<void(Step&)>& work);

   private:
    TaskContext& context_;
    std::string name_;
    int total_;
    std::vector<std::string> tags_;
    std::atomic<int> next_{0};
  };

  void warning(const std::string& message);
  void deprecation(const std::string& message);
  void result_line(std::string_view line);
  void debug(const std::string& line);   // timestamped
  void event_error(int code, const std::string& message);

  // A CPI call observer that writes to the task's cpi log and stops when cancelled.
  cpi::CallObserver cpi_observer();

 private:
  TaskRecord task_;
  Clock& clock_;
  TaskOutput &event_, &result_, &debug_, &cpi_;
  std::function<bool()> cancelled_, interrupted_, held_;
  std::function<void()> lost_;
  std::function<bool()> stopping_;
};

}  // namespace slipway::director
