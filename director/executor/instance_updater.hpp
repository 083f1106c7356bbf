#pragma once

#include <functional>
#include <string>

#include "director/executor/instance_steps.hpp"

namespace slipway::director {

// One instance and all that is known of it when its turn comes.
struct InstanceJob {
  const PlannedInstance* planned = nullptr;
  const InstanceChange* change = nullptr;
  const ActualInstance* actual = nullptr;  // null for a new instance
  const InstanceGroup* group = nullptr;
  Json apply_spec;
  bool skip_drain = false;
  bool canary = false;
  bool wait_until_running = true;  // false: its jobs are started and left to themselves
};

struct RemoveRequest {
  bool keep_deployment = true;  // false: the whole deployment goes
  bool skip_drain = false;
  bool delete_disks = false;  // instead of keeping them as orphans for a while
  bool force = false;         // go on, with a warning, where the agent or the cloud refuses
};

// What becomes of a VM that is given up because it failed: a silent one. Held: powered off, without its disks, and an
// orphan until the settings' time is over; where the cloud cannot do that, or enough are held, deleted.
enum class FailedVm { deleted, held };

// Takes one instance from what it is to what it shall be. Each step can be repeated: an
// instance stays "dirty" (update_completed false) from the first change until all is done.
class InstanceUpdater {
 public:
  InstanceUpdater(Services& services, TaskContext& task, std::string deployment, FailedVm failed = FailedVm::deleted)
      : services_(services),
        task_(task),
        deployment_(std::move(deployment)),
        failed_(failed),
        vms_(services, task),
        steps_(services, task) {}

  // Makes the VM of an instance that has none (the "Creating missing vms" stage) and leaves it
  // with its disk mounted, its lasting certificate and its identity, but without jobs.
  VmRecord create_vm(const InstanceJob& job);

  // create-swap-delete: makes the VM that will take the place of the one the instance has.
  // Nothing of the instance changes. Asked again, it is the same VM.
  VmRecord create_spare(const InstanceJob& job);

  // Everything the change asks for; writes the row's progress to `step`.
  void update(const InstanceJob& job, TaskContext::Step& step);

  // Brings up the instance on the VM it has, which an attempt that died made and may have got anywhere with.
  void carry_on(const InstanceJob& job, TaskContext::Step& step);

  // Stops the jobs, takes the disk off, deletes the VM, the disks, the addresses and the row.
  void remove(const ActualInstance& instance, const RemoveRequest& request, TaskContext::Step& step);

  // Deletes the VM, or holds it if it failed, and keeps the instance with its disk and addresses.
  void give_up_vm(const ActualInstance& instance, bool skip_drain, const Json& next_spec,
                  TaskContext::Step& step);

 private:
  void mark_dirty(const PlannedInstance& planned);
  void record_done(const InstanceJob& job, const Json& spec);
  void swap_vm(const InstanceJob& job, TaskContext::Step& step);
  bool hold(const ActualInstance& instance, TaskContext::Step& step);  // false: it has to be deleted
  void detach_before_removal(const VmRecord& vm, const DiskRecord& disk, bool agent_answers);
  void update_in_place(const InstanceJob& job, const VmRecord& vm, TaskContext::Step& step);
  void bring_up(const InstanceJob& job, const VmRecord& vm, TaskContext::Step& step);
  void take_snapshots(const InstanceId& id);  // its jobs are stopped
  void take_over(const InstanceJob& job, const VmRecord& vm);
  void ensure_disks(const InstanceJob& job, const VmRecord& vm);
  void ensure_disk(const InstanceJob& job, const PlannedDisk& wanted, const VmRecord& vm);
  VmOrder order_for(const InstanceJob& job) const;
  Services& services_;
  TaskContext& task_;
  std::string deployment_;
  FailedVm failed_;
  VmSteps vms_;
  InstanceSteps steps_;
};

}  // namespace slipway::director
