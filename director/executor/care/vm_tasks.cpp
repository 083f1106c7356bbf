#include "base/parallel.hpp"
#include "director/executor/care/care_tasks.hpp"
#include "director/executor/instance_updater.hpp"
#include "director/executor/problems/checks.hpp"
#include "director/executor/recorded_action.hpp"
#include "director/executor/world.hpp"

namespace slipway::director {

using namespace std::chrono_literals;

namespace {

// An instance's VM, or one that was made to compile. Whoever works on the deployment is waited for.
void delete_known(Services& services, TaskContext& task, const VmRecord& vm, TaskContext::Step& step) {
  const auto lock = services.locks.acquire("lock:deployment:" + vm.deployment, task.task().id, 10s);
  const auto now = services.stores.vms.find(vm.agent);
  if (!now) return;
  auto instance = stored_instance(services.stores, now->instance);
  if (!instance || !instance->vm || instance->vm->agent != now->agent) {
    VmSteps(services, task).remove(*now);
    return services.stores.ips.release_of_agent(now->agent);
  }
  // No drain: the operator wants it gone. An agent that answers lets go of its disks, though: a cloud may
  // refuse to take off one that is in use.
  ask_agent(services, *instance);
  InstanceUpdater(services, task, now->deployment).give_up_vm(*instance, true, Json(), step);
}

// One the director does not know may be in any of its clouds.
void delete_unknown(Services& services, TaskContext& task, const VmCid& cid) {
  bool found = false;
  recorded(services, task, {"delete", "vm", cid.value}, [&](EventSubject&) {
    for (const auto& name : services.cpis.names()) {
      try {
        services.cpis.open(name, task.cpi_observer())->delete_vm(cid);
        found = true;
      } catch (const cpi::CpiError& error) {
        if (error.type() != cpi::ErrorType::vm_not_found) throw error.within("deleting VM " + cid.value);
      }
    }
  });
  if (!found) task.warning("VM " + cid.value + " does not exist. Deletion is skipped");
}

}  // namespace

std::string delete_vm(Services& services, TaskContext& task) {
  const VmCid cid{task.task().arguments.value("vm_cid", "")};
  TaskContext::Stage stage(task, "Delete VM", 1);
  stage.run(cid.value, [&](TaskContext::Step& step) {
    if (const auto vm = services.stores.vms.find_by_cid(cid)) return delete_known(services, task, *vm, step);
    if (const auto orphan = services.stores.orphaned_vms.find(cid)) return VmSteps(services, task).remove(*orphan);
    delete_unknown(services, task, cid);
  });
  return "vm " + cid.value + " deleted";
}

std::vector<OrphanedVmRecord> orphaned_vms_to_go(Services& services) {
  auto orphans = services.stores.orphaned_vms.all();
  const auto now = services.clock.now();
  std::erase_if(orphans, [&](const OrphanedVmRecord& vm) { return vm.kept_until && *vm.kept_until > now; });
  return orphans;
}

// One that cannot be deleted now is tried again the next time.
std::string clean_up_orphaned_vms(Services& services, TaskContext& task) {
  const auto orphans = orphaned_vms_to_go(services);
  std::atomic<int> failed{0};
  TaskContext::Stage stage(task, "Deleting orphaned VMs", static_cast<int>(orphans.size()));
  parallel_for(orphans.size(), services.settings.max_parallel, [&](std::size_t i) {
    task.checkpoint();
    try {
      stage.run(orphans[i].cid.value, [&](TaskContext::Step&) { VmSteps(services, task).remove(orphans[i]); });
    } catch (const Error& error) {
      if (error.fault() == Fault::cancelled) throw;
      task.warning(error.what());
      ++failed;
    }
  });
  return "Deleted " + std::to_string(static_cast<int>(orphans.size()) - failed) + " orphaned VM(s), " +
         std::to_string(failed) + " remain";
}

}  // namespace slipway::director
