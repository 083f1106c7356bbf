#include "director/executor/vm_steps.hpp"

#include "base/parallel.hpp"
#include "director/executor/blob_urls.hpp"
#include "director/executor/recorded_action.hpp"

namespace slipway::director {

using cpi::CpiError;
using cpi::ErrorType;

namespace {

Json metadata_of(const VmOrder& order, const ExecutorSettings& settings, Timestamp now) {
  Json metadata = order.tags;
  metadata["director"] = settings.director_name;
  metadata["deployment"] = order.deployment;
  metadata["instance_group"] = metadata["job"] = order.group;
  metadata["id"] = order.instance.value;
  metadata["index"] = std::to_string(order.index);
  metadata["name"] = order.instance_name;
  metadata["created_at"] = to_rfc3339(now);
  return metadata;
}

Json env_for(const VmOrder& order, const ExecutorSettings& settings, int stemcell_api_version, Json certificate) {
  Json env = order.env.is_object() ? order.env : Json::object();
  Json& bosh = env["bosh"];
  if (!bosh.is_object()) bosh = Json::object();
  const auto group = settings.director_name + "-" + order.deployment + "-" + order.group;
  bosh["group"] = group;
  bosh["groups"] = {settings.director_name,
                    order.deployment,
                    order.group,
                    settings.director_name + "-" + order.deployment,
                    order.deployment + "-" + order.group,
                    group};
  bosh["tags"] = order.tags;
  bosh["mbus"]["cert"] = std::move(certificate);
  if (!settings.agent_blobstores.empty()) bosh["blobstores"] = blobstores_for(settings, stemcell_api_version);
  if (settings.agent_heartbeat.count() > 0) {
    Json& agent = bosh["agent"];
    if (!agent.is_object()) agent = Json::object();
    if (!agent.contains("heartbeat_seconds")) agent["heartbeat_seconds"] = settings.agent_heartbeat.count();
  }
  return env;
}

// Whoever says so has made nothing, or taken away what there was. Any other error may come after a VM was made.
bool cleans_up(ErrorType type) {
  return type == ErrorType::vm_creation_failed || type == ErrorType::no_disk_space ||
         type == ErrorType::not_implemented || type == ErrorType::not_supported;
}

bool same_order(const VmRecord& vm, const VmOrder& order) {
  return vm.cpi == order.cpi && vm.stemcell.name == order.stemcell.name &&
         vm.stemcell.version == order.stemcell.version && vm.cloud_properties == order.cloud_properties &&
         vm.networks == order.networks;
}

}  // namespace

Agent VmSteps::agent(const AgentId& id) const {
  task_.require_held();
  return Agent(services_.agents, id, services_.clock, [&task = task_] { task.checkpoint(); });
}

std::shared_ptr<cpi::Cpi> VmSteps::cpi(const std::string& name) const {
  task_.require_held();
  return services_.cpis.open(name, task_.cpi_observer());
}

StemcellRecord VmSteps::find_stemcell(const VmOrder& order) const {
  const auto wanted = services_.cpis.current_name(order.cpi);
  for (auto& stemcell : services_.stores.stemcells.all()) {
    const bool fits = stemcell.name == order.stemcell.name && stemcell.version == order.stemcell.version &&
                      services_.cpis.current_name(stemcell.cpi) == wanted;
    if (fits) return std::move(stemcell);
  }
  throw Error(Fault::not_found,
              "stemcell " + order.stemcell.name + "/" + order.stemcell.version + " is not uploaded" +
                  (order.cpi.empty() ? "" : " to CPI '" + order.cpi + "'") +
                  "; upload it with `bosh upload-stemcell`",
              50003);
}

// An attempt that died before its VM became the instance's left the VM's row. It is carried on
// with, or, when the order has changed meanwhile, cleared away together with whatever exists of it.
VmRecord VmSteps::begin(const VmOrder& order) {
  task_.require_held();
  auto& vms = services_.stores.vms;
  if (!order.instance.empty()) {
    for (const auto& vm : vms.of_instance(order.instance)) {
      if (vm.active) continue;
      if (vm.state != VmState::deleting && same_order(vm, order)) return vm;
      remove(vm);
    }
  }
  VmRecord vm;
  vm.agent = AgentId{services_.random.uuid()};
  vm.instance = order.instance;
  vm.deployment = order.deployment;
  vm.cpi = order.cpi;
  vm.stemcell = order.stemcell;
  vm.stemcell_api_version = find_stemcell(order).api_version;
  vm.cloud_properties = order.cloud_properties;
  vm.networks = order.networks;
  vm.env = order.env;
  vm.created_at = services_.clock.now();
  vm.id = vms.insert_creating(vm);
  return vm;
}

// What is known of a VM that was begun, as an order again.
VmOrder VmSteps::order_of(const VmRecord& vm) const {
  VmOrder order;
  order.deployment = vm.deployment;
  order.instance = vm.instance;
  order.instance_name = "unfinished VM of agent " + vm.agent.value;
  order.cpi = vm.cpi;
  order.stemcell = vm.stemcell;
  order.cloud_properties = vm.cloud_properties;
  order.networks = vm.networks;
  order.env = vm.env;
  return order;
}

// Whether a create_vm that nobody heard the end of made a VM is learnt by asking for it again:
// it is the same VM then. When even that fails, there is none.
std::optional<VmCid> VmSteps::find_unfinished(const VmRecord& vm) {
  bool may_exist = false;
  try {
    return ask_cpi(order_of(vm), vm, may_exist).vm;
  } catch (const CpiError& error) {
    if (error.fault() == Fault::outcome_unknown) throw;
    return std::nullopt;
  }
}

cpi::CreatedVm VmSteps::ask_cpi(const VmOrder& order, const VmRecord& vm, bool& may_exist) {
  const Json intent = {{"agent", vm.agent.value}, {"instance", order.instance_name}, {"cpi", order.cpi}};
  const auto step = services_.stores.journal.begin(task_.task().id, "create_vm", vm.agent.value, intent,
                                                   services_.clock.now());
  const auto cloud = cpi(order.cpi);
  std::optional<VmCid> made;
  try {
    auto created = ask_cloud(order, vm, *cloud, may_exist);
    made = created.vm;
    services_.stores.journal.finish(step.id, {{"vm_cid", created.vm.value}}, services_.clock.now());
    return created;
  } catch (const Error& error) {
    if (error.fault() == Fault::cancelled) give_back_unless_known(vm.agent, made, *cloud);
    throw;
  }
}

cpi::CreatedVm VmSteps::ask_cloud(const VmOrder& order, const VmRecord& vm, cpi::Cpi& cloud, bool& may_exist) {
  cpi::CreateVm request;
  request.agent = vm.agent;
  request.stemcell = find_stemcell(order).cid;
  request.cloud_properties = order.cloud_properties;
  request.networks = order.networks;
  request.disks = order.disks;
  services_.access.allow(vm.agent);
  request.env = env_for(order, services_.settings, vm.stemcell_api_version, services_.access.issue_bootstrap(vm.agent));

  for (int left = services_.settings.create_vm_tries - 1;; --left) {
    task_.checkpoint();
    try {
      return cloud.create_vm(request);
    } catch (const CpiError& error) {
      // The same agent id again is the same VM: asking once more also finds the VM of a call that
      // failed only after it had made one. Where it may not be asked often, twice has to do.
      const bool worth_it = error.ok_to_retry() || error.fault() == Fault::outcome_unknown;
      may_exist = may_exist || error.fault() == Fault::outcome_unknown || !cleans_up(error.type());
      if (left <= 0) throw;
      if (!worth_it) left = std::min(left, 1);
      task_.debug("create_vm for " + order.instance_name + " is asked again: " + error.what());
    }
  }
}

// Another director may have the task by now. Where it was done with this VM before the cloud heard of it from here,
// nobody knows what the cloud then made.
void VmSteps::give_back_unless_known(const AgentId& agent, const std::optional<VmCid>& vm, cpi::Cpi& cloud) {
  auto& stores = services_.stores;
  if (stores.vms.find(agent) || (vm && stores.orphaned_vms.find(*vm))) return;
  if (vm) cloud.delete_vm(*vm);
  services_.access.forbid(agent);
}

VmRecord VmSteps::create(const VmOrder& order) {
  return with_context("creating VM of " + order.instance_name, [&] {
    auto vm = begin(order);
    auto& vms = services_.stores.vms;
    bool may_exist = false;
    try {
      if (!vm.cid) {
        EventSubject subject{"create", "vm", "", order.deployment, order.instance_name};
        recorded(services_, task_, subject, [&](EventSubject& made) {
          const auto created = ask_cpi(order, vm, may_exist);
          made.object_name = created.vm.value;
          vm.cid = created.vm;
          vms.set_created(vm.agent, created.vm, order.networks);
          vm.state = VmState::created;
        });
      }
      describe(order, vm);
      agent(vm.agent).wait_until_ready(services_.settings.agent_wait);
      return vm;
    } catch (const Error& error) {
      // Cancelled or stopped half-way: the row stays and the next attempt carries on. A VM that
      // is there and does not answer goes, unless the operator wants to look at it.
      if (error.fault() == Fault::cancelled) throw;
      if (vm.cid && !services_.settings.keep_unreachable_vms) {
        remove(vm);
      } else if (!vm.cid && !may_exist) {
        services_.access.forbid(vm.agent);
        vms.remove(vm.agent);
      }
      throw;
    }
  });
}

// A cloud that keeps no metadata is good enough.
void VmSteps::describe(const VmOrder& order, const VmRecord& vm) {
  try {
    cpi(order.cpi)->set_vm_metadata(*vm.cid, metadata_of(order, services_.settings, vm.created_at));
  } catch (const CpiError& error) {
    if (!error.is_unsupported()) throw;
  }
}

std::string VmSteps::instance_name(const VmRecord& vm) const {
  const auto instance = services_.stores.instances.find(vm.instance);
  return instance ? instance_path(*instance) : "";
}

void VmSteps::remove(const VmRecord& vm) {
  task_.require_held();
  const auto cid = vm.cid ? vm.cid : find_unfinished(vm);
  services_.stores.vms.set_deleting(vm.agent);
  if (cid) {
    const auto step = services_.stores.journal.begin(task_.task().id, "delete_vm", vm.agent.value,
                                                     {{"vm_cid", cid->value}}, services_.clock.now());
    recorded(services_, task_, {"delete", "vm", cid->value, vm.deployment, instance_name(vm)}, [&](EventSubject&) {
      try {
        const auto cloud = cpi(vm.cpi);
        if (vm.state == VmState::deleting) let_go_of_disks(*cloud, *cid);
        cloud->delete_vm(*cid);
      } catch (const CpiError& error) {
        if (error.type() != ErrorType::vm_not_found) throw error.within("deleting VM " + cid->value);
      }
    });
    services_.stores.journal.finish(step.id, Json::object(), services_.clock.now());
  }
  services_.access.forbid(vm.agent);
  services_.stores.vms.remove(vm.agent);
}

void VmSteps::orphan(const VmRecord& vm, std::optional<Timestamp> kept_until) {
  auto& stores = services_.stores;
  OrphanedVmRecord orphan;
  orphan.agent = vm.agent;
  orphan.cid = vm.cid.value();
  orphan.deployment = vm.deployment;
  orphan.instance_name = instance_name(vm);
  orphan.cpi = vm.cpi;
  orphan.orphaned_at = services_.clock.now();
  orphan.kept_until = kept_until;
  if (const auto instance = stores.instances.find(vm.instance)) orphan.az = instance->az;
  for (const auto& network : vm.networks) {
    if (const auto ip = network.find("ip"); ip != network.end() && ip->is_string())
      orphan.ip_addresses.push_back(ip->get<std::string>());
  }
  recorded(services_, task_, {"orphan", "vm", orphan.cid.value, vm.deployment, orphan.instance_name},
           [&](EventSubject&) {
             services_.access.forbid(vm.agent);
             stores.orphaned_vms.orphan(orphan);
           });
}

// Some clouds delete with a VM whatever is attached to it, so disks that are known are taken off first.
void VmSteps::remove(const OrphanedVmRecord& vm) {
  recorded(services_, task_, {"delete", "vm", vm.cid.value, vm.deployment, vm.instance_name}, [&](EventSubject&) {
    const auto cloud = cpi(vm.cpi);
    try {
      detach_known_disks(*cloud, vm.cid);
      cloud->delete_vm(vm.cid);
    } catch (const CpiError& error) {
      if (error.type() != ErrorType::vm_not_found) throw error.within("deleting VM " + vm.cid.value);
    }
    services_.access.forbid(vm.agent);
    services_.stores.orphaned_vms.remove(vm.agent);
  });
}

void VmSteps::detach_known_disks(cpi::Cpi& cloud, const VmCid& vm) {
  std::vector<DiskCid> attached;
  try {
    attached = cloud.get_disks(vm);
  } catch (const CpiError& error) {
    if (!error.is_unsupported()) throw;
  }
  for (const auto& disk : attached) {
    if (services_.stores.disks.find(disk)) cloud.detach_disk(vm, disk);
  }
}

// An earlier attempt may have failed with the VM's disks still on it. What cannot be taken off a VM that nobody
// hears of is freed with its end.
void VmSteps::let_go_of_disks(cpi::Cpi& cloud, const VmCid& vm) {
  try {
    detach_known_disks(cloud, vm);
  } catch (const CpiError& error) {
    if (error.type() == ErrorType::vm_not_found) throw;
    task_.warning(std::string(error.what()) + "; it is freed when VM " + vm.value + " is deleted");
  }
}

void VmSteps::finish_removals(const std::string& deployment) {
  std::vector<VmRecord> going;
  for (auto& vm : services_.stores.vms.of_deployment(deployment)) {
    if (vm.state == VmState::deleting) going.push_back(std::move(vm));
  }
  parallel_for(going.size(), services_.settings.max_parallel, [&](std::size_t i) { remove(going[i]); });
}

// The agent takes the new certificate by starting anew, so the answer to this one action may
// be lost on the way; what counts is that it is back afterwards.
void VmSteps::settle(const VmRecord& vm, const Json& links) {
  if (vm.permanent_nats_certificate) return;
  auto conversation = agent(vm.agent);
  const Json settings = {{"trusted_certs", ""},
                         {"disk_associations", links},
                         {"mbus", {{"cert", services_.access.issue_permanent(vm.agent)}}}};
  try {
    conversation.run("update_settings", Json::array({settings}), std::chrono::seconds{60});
  } catch (const Error& error) {
    if (error.fault() != Fault::retryable) throw;
  }
  conversation.wait_until_ready(services_.settings.agent_wait);
  services_.stores.vms.set_permanent_certificate(vm.agent);
}

}  // namespace slipway::director
