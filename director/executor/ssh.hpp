#pragma once

#include <string>

#include "director/domain/instance_requests.hpp"
#include "director/executor/services.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

// Has the agents of the instances asked for make, or remove, accounts for `bosh ssh`. The task's
// result is one row an instance; one whose agent refuses or is silent says so in its `status`,
// which is "success" otherwise. When none succeeds the first one's error is thrown.
void ssh(Services& services, TaskContext& task, const std::string& deployment, const SshRequest& request);

}  // namespace slipway::director
