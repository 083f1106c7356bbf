#include <algorithm>
#include <map>

#include "base/parallel.hpp"
#include "director/executor/bodies.hpp"
#include "director/executor/dns.hpp"
#include "director/executor/instance_updater.hpp"
#include "director/planner/plan.hpp"

namespace slipway::director {

using namespace std::chrono_literals;

namespace {

std::vector<ActualInstance> read_instances(Services& services, const std::string& deployment) {
  auto& stores = services.stores;
  std::vector<ActualInstance> instances;
  for (auto& record : stores.instances.of_deployment(deployment)) {
    ActualInstance instance{.record = std::move(record)};
    instance.vm = stores.vms.active_of(instance.record.id);
    instance.disks = stores.disks.of_instance(instance.record.id);
    instances.push_back(std::move(instance));
  }
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
  if (!instances.empty()) {
    TaskContext::Stage stage(task, "Deleting instances", static_cast<int>(instances.size()));
    parallel_for(instances.size(), services.settings.max_parallel, [&](std::size_t i) {
      task.checkpoint();
      const auto& record = instances[i].record;
      stage.run(record.group + "/" + record.id.value + " (" + std::to_string(record.index) + ")",
                [&](TaskContext::Step& step) {
                  updater.remove(instances[i], false, request.force, request.delete_disks, request.force,
                                 step);
                });
    });
  }
  TaskContext::Stage stage(task, "Deleting properties and permissions", 1);
  stage.run("Removing deployment artifacts", [&](TaskContext::Step&) {
    for (const auto& vm : stores.vms.of_deployment(name))
      vms.remove(vm);  // compilation VMs of an attempt that died
    for (const auto& ip : stores.ips.of_deployment(name)) stores.ips.release(ip.address);
    if (request.delete_disks) remove_orphans(services, steps, name);
    publish_dns(services, task);
    stores.variable_values.remove_all("/" + services.settings.director_name + "/" + name + "/");
    stores.deployments.remove(name);
  });
  return "/deployments/" + name;
}

}  // namespace slipway::director
