#include "director/tasks/task.hpp"

namespace slipway::director {

std::string to_string(TaskState state) {
  switch (state) {
    case TaskState::queued: return "queued";
    case TaskState::processing: return "processing";
    case TaskState::cancelling: return "cancelling";
    case TaskState::done: return "done";
    case TaskState::error: return "error";
    case TaskState::cancelled: return "cancelled";
    case TaskState::timeout: return "timeout";
  }
  return "error";
}

TaskState task_state_from_string(const std::string& text) {
  for (const auto state : {TaskState::queued, TaskState::processing, TaskState::cancelling, TaskState::done,
                           TaskState::error, TaskState::cancelled, TaskState::timeout})
    if (to_string(state) == text) return state;
  throw Error(Fault::invalid, "unknown task state '" + text +
                                  "': expected queued, processing, cancelling, done, error, cancelled or timeout");
}

bool is_final(TaskState state) {
  switch (state) {
    case TaskState::queued:
    case TaskState::processing:
    case TaskState::cancelling: return false;
    case TaskState::done:
    case TaskState::error:
    case TaskState::cancelled:
    case TaskState::timeout: return true;
  }
  return true;
}

bool may_move(TaskState from, TaskState to) {
  switch (from) {
    case TaskState::queued:
      return to == TaskState::processing || to == TaskState::cancelled || to == TaskState::error;
    case TaskState::processing:
      return to == TaskState::done || to == TaskState::error || to == TaskState::cancelling ||
             to == TaskState::timeout;
    // A body that had passed its last checkpoint when it was cancelled has done its work.
    case TaskState::cancelling:
      return to == TaskState::cancelled || to == TaskState::error || to == TaskState::done ||
             to == TaskState::timeout;
    case TaskState::done:
    case TaskState::error:
    case TaskState::cancelled:
    case TaskState::timeout: return false;
  }
  return false;
}

}  // namespace slipway::director
