#pragma once

#include <vector>

#include "director/executor/services.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

// Snapshots of persistent disks. A cloud that has none is good enough: nothing is taken then.
class SnapshotSteps {
 public:
  SnapshotSteps(Services& services, TaskContext& task) : services_(services), task_(task) {}

  // Of each disk of the instance, once a task. Nothing while the configuration does not enable it.
  // `clean`: its jobs are stopped.
  std::vector<SnapshotCid> take(const InstanceRecord& instance, bool clean);

  // Fault::not_found when there is no such snapshot.
  void remove(const SnapshotCid& cid);
  void remove_of(const DiskRecord& disk);

 private:
  std::optional<SnapshotCid> take_of(const InstanceRecord& instance, const DiskRecord& disk, bool clean);
  Services& services_;
  TaskContext& task_;
};

}  // namespace slipway::director
