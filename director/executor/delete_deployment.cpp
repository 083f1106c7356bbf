#include "base/parallel.hpp"
#include "director/executor/bodies.hpp"
#include "director/executor/dns.hpp"
#include "director/executor/instance_updater.hpp"
#include "director/executor/world.hpp"

namespace slipway::director {

using namespace std::chrono_literals;

namespace {

std::vector<ActualInstance> read_instances(Services& services, const std::string& deployment) {
  auto instances = stored_instances(services.stores, deployment);
  parallel_for(instances.size(), services.settings.max_parallel, [&](std::size_t i) {
    if (!instances[i].vm) return;
    try {
      services.agents.request(instances[i].vm->agent, "ping", Json::array(), services.settings.state_wait);
    } catch (const Error&) {
      instances[i].responsive = false;
    }
  });
  return instances;
}

void remove_orphans(Services& services, InstanceSteps& steps, const std::string& deployment) {
  for (const auto& disk : services.stores.disks.of_deployment(deployment)) {
    if (disk.state == DiskState::orphaned) steps.delete_disk(disk);
  }
}

}  // namespace

// All instances go at once: with the whole deployment leaving, no quorum is worth waiting for.
std::string delete_deployment(Services& services, TaskContext& task, const DeleteRequest& request) {
  auto& stores = services.stores;
  const auto& name = request.deployment;
  const auto lock = services.locks.acquire("lock:deployment:" + name, task.task().id, 10s);
  if (!stores.deployments.find(name)) {
    // A restart after the last step: there is nothing left to do.
    return "/deployments/" + name;
  }
  const auto instances = read_instances(services, name);
  InstanceUpdater updater(services, task, name);
  VmSteps vms(services, task);
  InstanceSteps steps(services, task);
  // They may still have disks that are to go.
  for (const auto& orphan : stores.orphaned_vms.all()) {
    if (orphan.deployment == name) vms.remove(orphan);
  }
  if (!instances.empty()) {
    TaskContext::Stage stage(task, "Deleting instances", static_cast<int>(instances.size()));
    parallel_for(instances.size(), services.settings.max_parallel, [&](std::size_t i) {
      task.checkpoint();
      stage.run(instances[i].record.name(), [&](TaskContext::Step& step) {
        updater.remove(instances[i],
                       {.keep_deployment = false,
                        .skip_drain = request.force,
                        .delete_disks = request.delete_disks,
                        .force = request.force},
                       step);
      });
    });
  }
  try {
    steps.remove_unknown_disks(name);
  } catch (const cpi::CpiError& error) {
    if (!request.force) throw error.within("removing disks of attempts that failed");
    task.warning(error.what());
  }
  TaskContext::Stage stage(task, "Deleting properties and permissions", 1);
  stage.run("Removing deployment artifacts", [&](TaskContext::Step&) {
    for (const auto& vm : stores.vms.of_deployment(name))
      vms.remove(vm);  // compilation VMs of an attempt that died
    for (const auto& ip : stores.ips.of_deployment(name)) stores.ips.release(ip.address);
    if (request.delete_disks) remove_orphans(services, steps, name);
    stores.problems.remove_of_deployment(name);
    publish_dns(services, task);
    stores.variable_values.remove_all("/" + services.settings.director_name + "/" + name + "/");
    stores.deployments.remove(name);
  });
  return "/deployments/" + name;
}

}  // namespace slipway::director
