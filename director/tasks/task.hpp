#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "director/domain/types.hpp"

namespace slipway::director {

enum class TaskState { queued, processing, cancelling, done, error, cancelled, timeout };
std::string to_string(TaskState state);
TaskState task_state_from_string(const std::string& text);  // Fault::invalid
bool is_final(TaskState state);

// Which moves are legal. Total; no default branch.
bool may_move(TaskState from, TaskState to);

struct TaskRecord {
  TaskId id = 0;
  std::string type;            // "create_deployment", "update_stemcell" …
  TaskState state = TaskState::queued;
  std::string description, result, user, deployment, context_id;
  Json arguments = Json::object();  // everything the task needs to run again after a restart
  Timestamp created_at{};
  std::optional<Timestamp> started_at, finished_at;
  std::int64_t fence = 0;      // rises with every claim
};

}  // namespace slipway::director
