#include "director/executor/world.hpp"

#include <map>

#include "base/parallel.hpp"
#include "base/yaml.hpp"
#include "director/variables/variables.hpp"

namespace slipway::director {

namespace {

void ask_agent(Services& services, ActualInstance& instance) {
  try {
    const Json state =
        services.agents.request(instance.vm->agent, "get_state", Json::array(), services.settings.state_wait);
    instance.job_state = state.value("job_state", "");
  } catch (const Error&) {
    instance.responsive = false;
  }
}

bool concerns(const ActualInstance& instance, const DeployOptions& options) {
  return options.only_group.empty() || options.only_group == instance.record.group;
}

// The active one comes first.
void add_disk(ActualInstance& instance, DiskRecord disk) {
  const auto place = disk.state == DiskState::active ? instance.disks.begin() : instance.disks.end();
  instance.disks.insert(place, std::move(disk));
}

}  // namespace

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
    if (instance && vm.active) instance->vm = std::move(vm);
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
  for (auto& disk : stores.disks.of_instance(id)) add_disk(instance, std::move(disk));
  return instance;
}

World read_world(Services& services, TaskContext& task, const std::string& deployment,
                 const Manifest& manifest, const DeployOptions& options) {
  World world;
  auto& stores = services.stores;
  world.instances = stored_instances(stores, deployment);
  parallel_for(world.instances.size(), services.settings.max_parallel, [&](std::size_t i) {
    auto& instance = world.instances[i];
    task.checkpoint();
    if (instance.vm) ask_agent(services, instance);
  });
  Problems silent;
  for (const auto& instance : world.instances) {
    const bool matters =
        instance.vm && !instance.responsive && !instance.record.ignore && concerns(instance, options);
    if (matters && !options.fix) {
      silent.add(instance.record.group + "/" + instance.record.id.value,
                 "its agent does not answer; repair it with `bosh deploy --fix`, `bosh recreate --fix` or "
                 "`bosh cck`",
                 450002);
    }
  }
  silent.throw_if_any("instances of deployment '" + deployment + "'");

  world.reserved_ips = stores.ips.all();
  for (const auto& release : stores.releases.all()) {
    if (manifest.find_release(release.name)) world.releases.push_back(release);
  }
  world.stemcells = stores.stemcells.all();
  world.director_addresses = services.settings.own_addresses;
  world.dns_domain = services.settings.dns_domain;
  return world;
}

DnsNumbers::ByName az_numbers(DnsNumbers& numbers, const CloudConfig& cloud, bool dry_run) {
  if (dry_run) return numbers.known(DnsNumberKind::az);
  std::vector<std::string> names;
  for (const auto& az : cloud.azs) names.push_back(az.name);
  return numbers.ensure(DnsNumberKind::az, names);
}

CurrentCloud read_cloud_config(Services& services, const std::string& deployment) {
  CurrentCloud current;
  std::vector<NamedConfig> configs;
  Variables variables(services.stores.variable_values, services.settings.director_name, services.clock);
  for (const auto& config : services.stores.configs.list("cloud", "", 1)) {
    const Json content = parse_yaml(config.content, "cloud config '" + config.name + "'");
    configs.push_back({config.name, variables.interpolate(content, deployment)});
    current.ids.push_back(config.id);
  }
  if (configs.empty()) {
    throw Error(Fault::invalid, "there is no cloud config yet; set one with `bosh update-cloud-config FILE`",
                440001);
  }
  current.config = parse_cloud_config(configs);
  return current;
}

}  // namespace slipway::director
