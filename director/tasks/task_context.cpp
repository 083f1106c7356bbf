#include "director/tasks/task_context.hpp"

#include <exception>

namespace slipway::director {

TaskContext::TaskContext(TaskRecord task, Clock& clock, TaskOutput& event, TaskOutput& result, TaskOutput& debug,
                         TaskOutput& cpi, std::function<bool()> cancelled,
                         std::function<bool()> interrupted, std::function<bool()> held, std::function<void()> lost,
                         std::function<bool()> stopping)
    : task_(std::move(task)),
      clock_(clock),
      event_(event),
      result_(result),
      debug_(debug),
      cpi_(cpi),
      cancelled_(std::move(cancelled)),
      interrupted_(std::move(interrupted)),
      held_(std::move(held)),
      lost_(std::move(lost)),
      stopping_(std::move(stopping)) {}

void TaskContext::checkpoint() {
  if (cancelled()) throw Error(Fault::cancelled, "Task " + std::to_string(task_.id) + " cancelled", 10001);
}

void TaskContext::between_instances() {
  checkpoint();
  if (!stopping_()) return;
  throw Error(Fault::cancelled, "Task " + std::to_string(task_.id) + " was stopped between two instances", 10001);
}

bool TaskContext::cancelled() const { return cancelled_() || interrupted_(); }

bool TaskContext::interrupted() const { return interrupted_(); }

TaskContext TaskContext::undisturbed() const {
  return TaskContext(task_, clock_, event_, result_, debug_, cpi_, interrupted_, interrupted_, held_, lost_);
}

void TaskContext::require_held() const {
  if (!held_()) lose();
}

void TaskContext::lose() const {
  lost_();
  throw Error(Fault::cancelled, "Task " + std::to_string(task_.id) + " is another director's by now", 10001);
}

void TaskContext::warning(const std::string& message) {
  event_.append(
      dump({{"time", to_epoch_seconds(clock_.now())}, {"type", "warning"}, {"message", message}}));
}

void TaskContext::deprecation(const std::string& message) {
  event_.append(
      dump({{"time", to_epoch_seconds(clock_.now())}, {"type", "deprecation"}, {"message", message}}));
}

void TaskContext::result_line(std::string_view line) { result_.append(line); }

void TaskContext::debug(const std::string& line) { debug_.append(to_rfc3339(clock_.now()) + " " + line); }

void TaskContext::event_error(int code, const std::string& message) {
  event_.append(
      dump({{"time", to_epoch_seconds(clock_.now())}, {"error", {{"code", code}, {"message", message}}}}));
}

cpi::CallObserver TaskContext::cpi_observer() {
  return {[this](const std::string& line) { cpi_.append(line); }, [this] { return cancelled(); }};
}

TaskContext::Step::Step(TaskContext& context, std::string stage, std::vector<std::string> tags, int total, int index,
                        std::string name)
    : context_(context),
      stage_(std::move(stage)),
      tags_(std::move(tags)),
      total_(total),
      index_(index),
      name_(std::move(name)),
      exceptions_at_start_(std::uncaught_exceptions()) {
  write("started", 0, {});
}

TaskContext::Step::~Step() {
  if (ended_) return;
  // A full disk must not end the process from a destructor: the next append reports it.
  try {
    if (std::uncaught_exceptions() > exceptions_at_start_)
      write("failed", 100, {{"error", "interrupted"}});
    else
      write("finished", 100, {});
  } catch (const std::exception&) {
  }
}

void TaskContext::Step::status(const std::string& text) { write("in_progress", 0, {{"status", text}}); }

void TaskContext::Step::fail(const std::string& error) {
  ended_ = true;
  write("failed", 100, {{"error", error}});
}

void TaskContext::Step::write(const char* state, int progress, const Json& data) {
  Json line = {{"time", to_epoch_seconds(context_.clock_.now())},
               {"stage", stage_},
               {"tags", tags_},
               {"total", total_},
               {"task", name_},
               {"index", index_},
               {"state", state},
               {"progress", progress}};
  if (data.is_object()) line["data"] = data;
  context_.event_.append(dump(line));
}

TaskContext::Stage::Stage(TaskContext& context, std::string name, int total, std::vector<std::string> tags)
    : context_(context), name_(std::move(name)), total_(total), tags_(std::move(tags)) {}

void TaskContext::Stage::run(const std::string& row, const std::function<void(Step&)>& work) {
  Step step(context_, name_, tags_, total_, ++next_, row);
  try {
    work(step);
    return;
  } catch (const std::exception& error) {
    // The row says why it failed; a disk that is full by now must not hide the first reason.
    try {
      step.fail(error.what());
    } catch (const std::exception&) {
    }
    throw;
  }
}

}  // namespace slipway::director
