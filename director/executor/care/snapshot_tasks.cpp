#include "base/parallel.hpp"
#include "director/executor/care/care_tasks.hpp"
#include "director/executor/care/snapshot_steps.hpp"

namespace slipway::director {

namespace {

void say_when_disabled(Services& services, TaskContext& task) {
  if (!services.settings.enable_snapshots)
    task.warning("snapshots are not enabled in the director's configuration, so none is taken");
}

}  // namespace

std::string create_snapshot(Services& services, TaskContext& task) {
  const auto instance = services.stores.instances.find(InstanceId{task_argument(task, "instance")});
  if (!instance) throw Error(Fault::not_found, "instance '" + task_argument(task, "instance") + "' does not exist", 70001);
  say_when_disabled(services, task);
  std::string cids;
  for (const auto& cid : SnapshotSteps(services, task).take(*instance, false))
    cids += (cids.empty() ? "" : ", ") + cid.value;
  return "snapshot(s) " + cids + " created";
}

std::string snapshot_deployment(Services& services, TaskContext& task) {
  const auto deployment = task_argument(task, "deployment");
  const auto instances = services.stores.instances.of_deployment(deployment);
  say_when_disabled(services, task);
  SnapshotSteps steps(services, task);
  std::atomic<int> failed{0};
  TaskContext::Stage stage(task, "Snapshotting instances", static_cast<int>(instances.size()));
  parallel_for(instances.size(), services.settings.max_parallel, [&](std::size_t i) {
    task.checkpoint();
    try {
      stage.run(instances[i].name(), [&](TaskContext::Step&) { steps.take(instances[i], false); });
    } catch (const Error& error) {
      if (error.fault() == Fault::cancelled) throw;
      task.warning(instances[i].name() + ": " + error.what());
      ++failed;
    }
  });
  const auto text = "snapshots of deployment '" + deployment + "' created";
  return failed == 0 ? text : text + ", with " + std::to_string(failed) + " failure(s)";
}

std::string delete_snapshot(Services& services, TaskContext& task) {
  const SnapshotCid cid{task_argument(task, "snapshot_cid")};
  TaskContext::Stage stage(task, "Deleting snapshots", 1);
  stage.run(cid.value, [&](TaskContext::Step&) {
    // Gone by now: an earlier attempt, or its disk went with it.
    if (services.stores.snapshots.find(cid)) SnapshotSteps(services, task).remove(cid);
  });
  return "snapshot(s) " + cid.value + " deleted";
}

std::string delete_deployment_snapshots(Services& services, TaskContext& task) {
  const auto deployment = task_argument(task, "deployment");
  const auto snapshots = services.stores.snapshots.of_deployment(deployment);
  TaskContext::Stage stage(task, "Deleting snapshots", static_cast<int>(snapshots.size()));
  parallel_for(snapshots.size(), services.settings.max_parallel, [&](std::size_t i) {
    task.checkpoint();
    stage.run(snapshots[i].cid.value,
              [&](TaskContext::Step&) { SnapshotSteps(services, task).remove(snapshots[i].cid); });
  });
  return "all snapshots of deployment '" + deployment + "' deleted";
}

}  // namespace slipway::director
