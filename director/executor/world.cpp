#include "director/executor/world.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/parallel.hpp"

namespace slipway::director {

namespace {

// The other deployments whose links the manifest's jobs name.
std::set<std::string> linked_deployments(const Manifest& manifest, const std::string& deployment) {
  std::set<std::string> names;
  const auto gather = [&](const std::vector<JobUse>& jobs) {
    for (const auto& job : jobs) {
      for (const auto& [link, consumer] : job.consumes) names.insert(consumer.deployment);
    }
  };
  for (const auto& group : manifest.instance_groups) gather(group.jobs);
  for (const auto& addon : manifest.addons) gather(addon.jobs);
  names.erase("");
  names.erase(deployment);
  return names;
}

bool names_release(const Manifest& manifest, const std::string& name) {
  const auto& added = manifest.runtime_releases;
  return manifest.find_release(name) != nullptr ||
         std::any_of(added.begin(), added.end(), [&](const ReleaseUse& use) { return use.name == name; });
}

// Active ones come first.
void add_disk(ActualInstance& instance, DiskRecord disk) {
  auto place = instance.disks.end();
  if (disk.state == DiskState::active) {
    place = std::find_if(instance.disks.begin(), instance.disks.end(),
                         [](const DiskRecord& known) { return known.state != DiskState::active; });
  }
  instance.disks.insert(place, std::move(disk));
}

void note_done_before(Journal& journal, TaskId task, std::vector<ActualInstance>& instances) {
  std::set<std::string> vms, instances_begun;
  for (const auto& step : journal.of_task(task)) {
    if (step.kind == "create_vm") vms.insert(step.key);
    if (step.kind == "update") instances_begun.insert(step.key);
  }
  for (auto& instance : instances) {
    instance.vm_is_new = instance.vm && vms.contains(instance.vm->agent.value);
    // Begun only after it was marked as unfinished.
    instance.carried_out =
        instance.record.update_completed && instances_begun.contains(instance.record.id.value);
  }
}

}  // namespace

void ask_agent(Services& services, ActualInstance& instance) {
  try {
    const Json state =
        services.agents.request(instance.vm->agent, "get_state", Json::array(), services.settings.state_wait);
    instance.job_state = state.value("job_state", "");
  } catch (const Error& error) {
    if (error.fault() == Fault::cancelled) throw;
    instance.responsive = false;
  }
}

// In one pass over each kind of row, however many instances there are.
std::vector<ActualInstance> stored_instances(Stores& stores, const std::string& deployment) {
  std::vector<ActualInstance> instances;
  std::map<std::string, std::size_t> place;
  for (auto& record : stores.instances.of_deployment(deployment)) {
    place.emplace(record.id.value, instances.size());
    instances.push_back({.record = std::move(record)});
  }
  const auto owner = [&](const InstanceId& id) -> ActualInstance* {
    const auto found = place.find(id.value);
    return found == place.end() ? nullptr : &instances[found->second];
  };
  for (auto& vm : stores.vms.of_deployment(deployment)) {
    auto* instance = owner(vm.instance);
    // One whose deletion was begun is none any more, whatever is left of it.
    if (instance && vm.active && vm.state != VmState::deleting) instance->vm = std::move(vm);
  }
  for (auto& disk : stores.disks.of_deployment(deployment)) {
    auto* instance = owner(disk.instance);
    if (instance && disk.state != DiskState::orphaned) add_disk(*instance, std::move(disk));
  }
  for (auto& ip : stores.ips.of_deployment(deployment)) {
    if (auto* instance = owner(ip.instance)) instance->ips.push_back(std::move(ip));
  }
  return instances;
}

std::optional<ActualInstance> stored_instance(Stores& stores, const InstanceId& id) {
  auto record = stores.instances.find(id);
  if (!record) return std::nullopt;
  ActualInstance instance{.record = std::move(*record)};
  instance.vm = stores.vms.active_of(id);
  if (instance.vm && instance.vm->state == VmState::deleting) instance.vm.reset();  // as above
  for (auto& disk : stores.disks.of_instance(id)) add_disk(instance, std::move(disk));
  return instance;
}

World read_world(Services& services, TaskContext& task, const std::string& deployment,
                 const Manifest& manifest) {
  World world;
  auto& stores = services.stores;
  world.instances = stored_instances(stores, deployment);
  note_done_before(stores.journal, task.task().id, world.instances);
  parallel_for(world.instances.size(), services.settings.max_parallel, [&](std::size_t i) {
    auto& instance = world.instances[i];
    task.checkpoint();
    if (instance.vm) ask_agent(services, instance);
  });
  // Rows may know a CPI by a former name.
  std::map<std::string, std::string> current;
  const auto rename = [&](std::string& cpi) {
    const auto [at, fresh] = current.try_emplace(cpi);
    if (fresh) at->second = services.cpis.current_name(cpi);
    cpi = at->second;
  };
  for (auto& instance : world.instances) {
    if (instance.vm) rename(instance.vm->cpi);
    for (auto& disk : instance.disks) rename(disk.cpi);
  }

  world.reserved_ips = stores.ips.all();
  for (const auto& release : stores.releases.all()) {
    if (names_release(manifest, release.name)) world.releases.push_back(release);
  }
  world.stemcells = stores.stemcells.all();
  for (auto& stemcell : world.stemcells) rename(stemcell.cpi);
  world.cpis = services.cpis.names();
  rename(world.default_cpi);
  world.director_addresses = services.settings.own_addresses;
  world.dns_domain = services.settings.dns_domain;
  if (const auto record = stores.deployments.find(deployment)) world.teams = record->teams;
  world.shared_links = stores.shared_links.of(linked_deployments(manifest, deployment));
  return world;
}

DnsNumbering read_dns_numbers(DnsNumbers& numbers, const Features& features) {
  DnsNumbering known;
  known.azs = numbers.known(DnsNumberKind::az);
  if (!features.use_short_dns_addresses) return known;
  known.networks = numbers.known(DnsNumberKind::network);
  known.groups = numbers.known(DnsNumberKind::group);
  known.instances = numbers.known(DnsNumberKind::instance);
  return known;
}

bool record_dns_numbers(DnsNumbers& numbers, const DnsNumbering& proposed) {
  const auto record = [&](DnsNumberKind kind, const DnsNumbering::ByName& names) {
    std::vector<std::pair<std::int64_t, std::string>> in_order;
    for (const auto& [name, number] : names) in_order.emplace_back(number, name);
    std::sort(in_order.begin(), in_order.end());
    std::vector<std::string> asked;
    for (auto& [number, name] : in_order) asked.push_back(std::move(name));
    if (asked.empty()) return true;
    const auto known = numbers.ensure(kind, asked);
    return std::all_of(names.begin(), names.end(), [&](const auto& one) { return known.at(one.first) == one.second; });
  };
  return record(DnsNumberKind::az, proposed.azs) && record(DnsNumberKind::network, proposed.networks) &&
         record(DnsNumberKind::group, proposed.groups) && record(DnsNumberKind::instance, proposed.instances);
}

}  // namespace slipway::director
