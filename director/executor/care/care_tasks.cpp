#include "director/executor/care/care_tasks.hpp"

#include "director/executor/fetch_logs.hpp"

namespace slipway::director {

using namespace std::chrono_literals;

void register_care_tasks(TaskQueue& queue, Services& services) {
  const auto add = held_types(queue, services);
  add("delete_orphan_disks", delete_orphan_disk);
  add("orphan_disk", orphan_disk);
  add("attach_disk", attach_disk);
  add("scheduled_orphaned_disk_cleanup", clean_up_orphan_disks);
  add("delete_vm", delete_vm);
  add("scheduled_orphaned_vm_cleanup", clean_up_orphaned_vms);
  add("scheduled_temporary_blob_cleanup", clean_up_temporary_blobs);
  add("create_snapshot", create_snapshot);
  add("snapshot_deployment", snapshot_deployment);
  add("delete_snapshot", delete_snapshot);
  add("delete_deployment_snapshots", delete_deployment_snapshots);
}

std::string clean_up_temporary_blobs(Services& services, TaskContext&) {
  return "Deleted " + std::to_string(remove_expired_blobs(services)) + " temporary blob(s)";
}

std::vector<RecurringTask> recurring_care(Services& services) {
  return {{"scheduled_orphaned_vm_cleanup", "clean up orphaned vms", 5min,
           [&services] { return !orphaned_vms_to_go(services).empty(); }},
          {"scheduled_orphaned_disk_cleanup", "clean up orphan disks", 30min,
           [&services] {
             return !orphans_past_lifetime(services).empty() ||
                    !services.stores.journal.left_by_deleted("create_disk").empty();
           }},
          {"scheduled_temporary_blob_cleanup", "clean up temporary blobs", 60min, [&services] {
             return !services.stores.temporary_blobs.expired(services.clock.now()).empty();
           }}};
}

}  // namespace slipway::director
