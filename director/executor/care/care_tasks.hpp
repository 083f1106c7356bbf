#pragma once

#include "director/executor/services.hpp"
#include "director/tasks/recurring_tasks.hpp"
#include "director/tasks/task_queue.hpp"

// Tasks that look after single disks, VMs and snapshots.
namespace slipway::director {

// Registers them all. `services` outlives the queue.
void register_care_tasks(TaskQueue& queue, Services& services);

// What the director does by itself from time to time: orphaned VMs go within minutes, orphaned disks, VMs that are
// held and blobs such as fetched logs when their lifetime is over.
std::vector<RecurringTask> recurring_care(Services& services);

// Orphaned disks that were kept as long as the settings say.
std::vector<DiskRecord> orphans_past_lifetime(Services& services);

// Orphaned VMs but those that are held for somebody to look at.
std::vector<OrphanedVmRecord> orphaned_vms_to_go(Services& services);

// A text among the task's arguments, "" where it has none of that name.
inline std::string task_argument(const TaskContext& task, const char* key) {
  return task.task().arguments.value(key, "");
}

// Bodies, by the arguments of their tasks.
std::string delete_orphan_disk(Services& services, TaskContext& task);    // disk_cid
std::string orphan_disk(Services& services, TaskContext& task);           // disk_cid
std::string attach_disk(Services& services, TaskContext& task);           // deployment, group, instance, disk_cid, disk_properties
std::string clean_up_orphan_disks(Services& services, TaskContext& task);
std::string delete_vm(Services& services, TaskContext& task);             // vm_cid
std::string clean_up_orphaned_vms(Services& services, TaskContext& task);
std::string clean_up_temporary_blobs(Services& services, TaskContext& task);
std::string create_snapshot(Services& services, TaskContext& task);       // deployment, instance
std::string snapshot_deployment(Services& services, TaskContext& task);   // deployment
std::string delete_snapshot(Services& services, TaskContext& task);       // deployment, snapshot_cid
std::string delete_deployment_snapshots(Services& services, TaskContext& task);  // deployment

}  // namespace slipway::director
