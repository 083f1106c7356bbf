#pragma once

#include <string>
#include <vector>

#include "director/executor/job_template_cache.hpp"
#include "director/executor/services.hpp"
#include "director/planner/errands.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

// What a deployment was deployed with last, as errands look at it.
struct Deployed {
  Manifest manifest;  // interpolated
  std::vector<InstanceRecord> instances;
  std::vector<ReleaseRecord> releases;
};
// Fault::conflict (190014) before the first success.
Deployed read_deployed(Stores& stores, const std::string& director_name, Clock& clock,
                       const DeploymentRecord& deployment);

// Runs an errand wherever it is asked for, all at once; an errand group gets its VM for the run.
// Each instance's row goes to the task's result. Returns how many succeeded; an errand that
// fails is not a task that fails. Called again after a restart it goes on.
std::string run_errand(Services& services, JobTemplateCache& templates, TaskContext& task,
                       const std::string& deployment, const ErrandRequest& request);

}  // namespace slipway::director
