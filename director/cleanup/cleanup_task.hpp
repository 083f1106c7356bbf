#pragma once

#include "director/cleanup/cleanable.hpp"
#include "director/uploads/artifact_tasks.hpp"

namespace slipway::director {

// Registers cleanup_artifacts {remove_all, keep_orphaned_disks}. Both outlive the queue.
void register_cleanup_task(TaskQueue& queue, Services& services, ArtifactServices& artifacts);

// Takes away what find_cleanable() names, and says how much it was. After a restart it goes on with what
// is left. One thing that cannot be deleted fails the task once everything else has been tried.
std::string clean_up(Services& services, ArtifactServices& artifacts, TaskContext& task, const CleanupOptions& options);

}  // namespace slipway::director
