#pragma once

#include <string>

#include "director/executor/services.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

struct InstanceActionRequest {
  std::string deployment;
  InstanceId instance;
  std::string action;  // start, stop, restart, recreate
  bool hard = false;   // stop: the VM goes, disk and addresses stay
  bool skip_drain = false;
  bool ignore_unresponsive_agent = false;  // go on without the agent where that is possible
};

// `--no-converge`: one instance, as the spec says it was last deployed with success. No manifest
// and no config is looked at, and no other instance is touched. Throws Fault::conflict for an
// ignored instance (140021), one that was never deployed (70007) and a silent agent (450002).
std::string act_on_instance(Services& services, TaskContext& task, const InstanceActionRequest& request);

}  // namespace slipway::director
