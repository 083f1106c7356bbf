#pragma once

#include "director/domain/problems.hpp"
#include "director/executor/instance_updater.hpp"
#include "director/executor/problems/checks.hpp"

namespace slipway::director {

// What is known of earlier attempts at the same resolution by the same task.
struct Attempt {
  bool resumed = false;      // there was one, and its end is not known
  std::string agent_before;  // the agent the instance had before the first; empty: it had no VM
};

// Carries out one resolution. Each looks first whether the problem is still there and throws
// Fault::conflict when it is not; in a resumed attempt that means it was done.
class Repairs {
 public:
  Repairs(Services& services, TaskContext& task, std::string deployment)
      : services_(services),
        task_(task),
        deployment_(std::move(deployment)),
        vms_(services, task),
        steps_(services, task) {}

  void apply(const ProblemRecord& problem, Repair repair, const Attempt& attempt, TaskContext::Step& step);

 private:
  void recreate_vm(const ProblemRecord& problem, const Attempt& attempt, bool wait, TaskContext::Step& step);
  void reboot_vm(const ProblemRecord& problem, const Attempt& attempt);
  void delete_vm(const ProblemRecord& problem, const Attempt& attempt, TaskContext::Step& step);
  void delete_vm_reference(const ProblemRecord& problem, const Attempt& attempt);
  void reattach_disk(const ProblemRecord& problem, const Attempt& attempt, bool reboot);
  void delete_disk(const ProblemRecord& problem, const Attempt& attempt);
  void delete_disk_reference(const ProblemRecord& problem, const Attempt& attempt, TaskContext::Step& step);
  void activate_disk(const ProblemRecord& problem, const Attempt& attempt);

  ActualInstance instance_of(const ProblemRecord& problem);  // and what its agent says, in look_
  std::optional<DiskRecord> disk_of(const ProblemRecord& problem, const ActualInstance& instance,
                                    DiskState state) const;
  // Whether the VM's problem is still there.
  bool vm_still_broken(const ProblemRecord& problem, const Attempt& attempt, const ActualInstance& instance);
  void reboot_and_wait(const ActualInstance& instance, const std::string& when_silent);

  Services& services_;
  TaskContext& task_;
  std::string deployment_;
  VmSteps vms_;
  InstanceSteps steps_;
  AgentLook look_;
};

}  // namespace slipway::director
