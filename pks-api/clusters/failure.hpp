#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"

namespace slipway::pks {

// Reads off a task's event lines what failed: which stage, which step (it names the node), and why.
class FailureReader {
 public:
  void apply(const std::vector<std::string>& event_lines);
  // {stage, step, reason, advice}; `otherwise` is the reason when the events tell none.
  Json failure(const std::string& action, const std::string& otherwise) const;

 private:
  std::string stage_, step_, step_error_, task_error_;
};

// A failure outside any task.
Json failure_of(const std::string& action, const std::string& reason);

// One sentence of where, why and what to do, for last_action_description.
std::string told(const Json& failure);

}  // namespace slipway::pks
