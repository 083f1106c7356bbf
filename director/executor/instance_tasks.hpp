#pragma once

#include "director/executor/job_template_cache.hpp"
#include "director/executor/services.hpp"
#include "director/tasks/task_queue.hpp"

namespace slipway::director {

// Registers the tasks that ask something of running instances: run_errand, fetch_logs and ssh.
// `services` and `templates` outlive the queue.
void register_instance_tasks(TaskQueue& queue, Services& services, JobTemplateCache& templates);

}  // namespace slipway::director
