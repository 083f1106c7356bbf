#pragma once

#include "director/executor/job_template_cache.hpp"
#include "director/executor/services.hpp"
#include "director/planner/plan.hpp"
#include "director/tasks/task_queue.hpp"

namespace slipway::director {

// Registers the tasks that touch VMs: create_deployment, delete_deployment, change_instances,
// fetch_instances, export_release. `services` and `templates` outlive the queue.
void register_deployment_tasks(TaskQueue& queue, Services& services, JobTemplateCache& templates);

// Options as the REST query gives them. All problems at once.
DeployOptions deploy_options(const Json& query);

// start, stop, restart, recreate by the task's arguments: converging to the last manifest that
// succeeded, or, with the option `no_converge`, by the one instance's stored spec.
std::string change_instances(Services& services, JobTemplateCache& templates, TaskContext& task);

// One JSON line an instance, as `bosh instances` and `bosh vms` read it.
void list_instances(Services& services, TaskContext& task, const std::string& deployment, bool only_with_vm);

struct DeleteRequest {
  std::string deployment;
  bool force = false;         // goes on where an agent or the cloud refuses
  bool delete_disks = false;  // instead of keeping them as orphans for a while
};
std::string delete_deployment(Services& services, TaskContext& task, const DeleteRequest& request);

}  // namespace slipway::director
