#pragma once

#include "director/planner/forecast.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

struct PlanReport {
  const Plan& plan;
  const ChangeHistory& history;
  std::size_t max_parallel = 1;
  std::vector<std::string> to_compile;  // "release/package for os/version"
};

// Shows a dry run's plan: as rows of the stage "Planned changes", which `bosh deploy --dry-run`
// prints, and in the result one JSON object for each changed instance and one for the whole.
void report_plan(TaskContext& task, const PlanReport& report);

}  // namespace slipway::director
