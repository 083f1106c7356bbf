#pragma once

#include <optional>
#include <string>

#include "director/executor/vm_steps.hpp"
#include "director/planner/plan.hpp"

namespace slipway::director {

// What will be of the three levels once a stop is over; scripts get to know it.
struct NextStates {
  bool keep_vm = true, keep_instance = true, keep_deployment = true;
};

struct StopRequest {
  NextStates next;
  bool skip_drain = false;
  Json next_spec = Json();  // set: an update to it; null: a shutdown
};

// The words a director and an agent exchange about one instance's jobs and disks.
class InstanceSteps {
 public:
  InstanceSteps(Services& services, TaskContext& task)
      : services_(services), task_(task), vms_(services, task) {}

  // pre-stop, drain, stop, post-stop.
  void stop(const AgentId& agent, const StopRequest& request, TaskContext::Step& step);

  // pre-start, start, wait until running (never shorter than watch.min, at most watch.max), post-start.
  // Fault::internal naming what does not run when the time is over. Without `watch`: pre-start and start.
  void start(const AgentId& agent, const std::optional<WatchTime>& watch, TaskContext::Step& step);

  void prepare(const VmRecord& vm, const Json& spec);  // it fetches what apply() will need
  void apply(const VmRecord& vm, const Json& spec);
  void run_script(const AgentId& agent, const std::string& script, const Json& environment = Json::object());

  // A create_disk that ended with an error may have made a disk all the same. One that no row knows is deleted.
  void remove_unknown_disks(const std::string& deployment);
  void remove_unknown_disk(const StepRecord& step);
  // A new disk for an instance: the row is there as soon as the disk is.
  DiskRecord create_disk(const PlannedInstance& instance, const PlannedDisk& wanted, const std::string& deployment,
                         const VmRecord& vm);
  // The agent knows it afterwards, and has it mounted if it has no name.
  void attach(const VmRecord& vm, const DiskRecord& disk);
  void detach(const VmRecord& vm, const DiskRecord& disk, bool agent_answers);
  // A new disk in the place of `old`, which is inactive then and may still be attached. Without a name it has the
  // data of `old`; what is on a named one is its jobs' alone, and the new one is empty, as BOSH has it.
  void replace_disk(const PlannedInstance& instance, const PlannedDisk& wanted, const std::string& deployment,
                    const VmRecord& vm, const DiskRecord& old);
  // Has the agent link the instance's active named disks below /var/vcap/instance/disks, and no others.
  // Precondition: they are attached to `vm`.
  void associate_disks(const VmRecord& vm);
  // Disks of the name of `fresh` of earlier attempts that ended before they were the instance's: an agent has room for
  // the active disk and for one to migrate to, and mounts the next one where there is room.
  void let_go_of_unused(const VmRecord& vm, const DiskRecord& fresh);
  // Nobody's from now on, and deleted when its time is over.
  void orphan_disk(const DiskRecord& disk);
  // With its snapshots.
  void delete_disk(const DiskRecord& disk);

 private:
  void wait_until_running(const AgentId& agent, const WatchTime& watch);
  Services& services_;
  TaskContext& task_;
  VmSteps vms_;
};

}  // namespace slipway::director
