#pragma once

#include "director/executor/services.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

// Writes an instance's row. Fault::cancelled, and nothing is written, when another director has the task by
// now: whoever stood still since it last asked has nothing to say about the instance any more.
void write_instance(Services& services, const TaskContext& task, const InstanceRecord& instance);

}  // namespace slipway::director
