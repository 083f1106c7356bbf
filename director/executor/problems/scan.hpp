#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "director/executor/services.hpp"
#include "director/planner/plan.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

// Whether a VM is missed when there is none: not of what was stopped hard, never came up, or is an
// errand that runs when it is asked to.
bool expects_vm(const ActualInstance& instance);

// Looks at a deployment's VMs and disks and writes down where they are not as the store says.
// Ignored instances are left out. Changes nothing but the list of problems.
class ProblemScan {
 public:
  ProblemScan(Services& services, TaskContext& task, std::string deployment);

  // Every VM and every disk.
  void everything();

  // The VMs of these instances only; the problems found.
  std::vector<ProblemRecord> vms_of(const std::vector<InstanceId>& ids);

 private:
  enum class Finding { ok, unresponsive, missing, full, failing, inactive, mount_info_mismatch };
  void look_at_vms(const std::vector<const ActualInstance*>& instances);
  Finding look_at_vm(const ActualInstance& instance);
  std::vector<std::string> mounted_on(const ActualInstance& instance, bool alive);
  void look_at_disks();
  Finding look_at_disk(const ActualInstance& instance, const DiskRecord& disk);
  void note(ProblemRecord problem);
  std::vector<ProblemRecord> in_order();

  Services& services_;
  TaskContext& task_;
  std::string deployment_;
  std::vector<ActualInstance> instances_;
  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> owners_;  // disk → VMs that have it mounted
  std::vector<ProblemRecord> found_;
};

}  // namespace slipway::director
