#pragma once

#include <string>
#include <vector>

#include "director/executor/services.hpp"
#include "director/planner/plan.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

// What can be learnt of a failed VM before it is replaced, as one blob: a .tgz with `about.json`, and the logs as the
// agent packs them when it still can (agent.tgz), else as the cloud reads them from outside (host.tgz, where the CPI has
// get_vm_logs). Bounded in size and time by the settings. The blob is named in the task's event output and in an event
// "bundle" about a "repair", and fetched as the logs of `bosh logs` are. It goes when its time is over, or when its
// deployment has more of them.
class FailureBundle {
 public:
  FailureBundle(Services& services, TaskContext& task) : services_(services), task_(task) {}

  // Once a task and VM, whoever dies in between. Throws nothing but Fault::cancelled: what cannot be had is told, and
  // no repair waits for it. Does nothing for an instance without a VM.
  void gather(const ActualInstance& instance, const std::string& reason, TaskContext::Step& step);

 private:
  struct Parts {
    std::vector<std::pair<std::string, std::string>> files;  // name, content
    Json missing = Json::object();                           // what → why
  };
  std::string gather_once(const ActualInstance& instance, const std::string& reason);
  Parts parts_of(const ActualInstance& instance);
  std::string agent_logs(const ActualInstance& instance);
  void store(const BlobId& blob, const ActualInstance& instance, const std::string& reason, const Parts& parts);
  void remove_surplus(const std::string& deployment);
  void tell(const ActualInstance& instance, const std::string& blob, const std::string& text, const std::string& error);

  Services& services_;
  TaskContext& task_;
};

}  // namespace slipway::director
