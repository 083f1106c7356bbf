#include "cpi/vsphere/settings.hpp"

#include <algorithm>

namespace slipway::cpi::vsphere {

namespace {

constexpr std::int64_t most_mib = std::int64_t{1} << 31;

// BOSH's rule: {name, type: separate_vms}; there is no other type.
std::string read_rules(const Json& rules, const std::string& place, Problems& problems) {
  std::string name;
  if (rules.size() > 1) problems.add(place, "has more than one rule; one is possible");
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto here = place + "[" + std::to_string(i) + "]";
    if (!rules[i].is_object()) {
      problems.add(here, "is not an object {name, type}");
      continue;
    }
    JsonReader in(rules[i], here, problems);
    name = in.string("name");
    const auto type = in.string_or("type", "separate_vms");
    if (type != "separate_vms") problems.add(in.place("type"), "is '" + type + "'; allowed is separate_vms");
    in.refuse_unknown();
  }
  return name;
}

std::vector<ClusterConfig> read_clusters(const Json& clusters, const std::string& place, VmWish& wish,
                                         Problems& problems) {
  std::vector<ClusterConfig> found;
  for (std::size_t i = 0; i < clusters.size(); ++i) {
    const auto here = place + "[" + std::to_string(i) + "]";
    if (clusters[i].is_string()) {
      found.push_back({clusters[i].get<std::string>(), ""});
      continue;
    }
    if (!clusters[i].is_object() || clusters[i].size() != 1) {
      problems.add(here, "is neither a cluster's name nor {NAME: {resource_pool, drs_rules}}");
      continue;
    }
    ClusterConfig cluster{clusters[i].begin().key(), ""};
    const Json& inner = clusters[i].begin().value();
    if (inner.is_object()) {
      JsonReader in(inner, here + "." + cluster.name, problems);
      cluster.resource_pool = in.string_or("resource_pool", "");
      if (const auto rule = read_rules(in.array_or_empty("drs_rules"), in.place("drs_rules"), problems);
          !rule.empty()) {
        wish.anti_affinity_rule = rule;
      }
      in.refuse_unknown();
    } else if (!inner.is_null()) {
      problems.add(here + "." + cluster.name, "is not an object {resource_pool, drs_rules}");
    }
    found.push_back(cluster);
  }
  return found;
}

void read_places(const Json& places, const VsphereConfig& config, VmWish& wish, Problems& problems) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto place = "cloud_properties.datacenters[" + std::to_string(i) + "]";
    if (!places[i].is_object()) {
      problems.add(place, "is not an object {name, clusters}");
      continue;
    }
    JsonReader in(places[i], place, problems);
    const auto name = in.string("name");
    auto clusters = read_clusters(in.array_or_empty("clusters"), in.place("clusters"), wish, problems);
    in.refuse_unknown();
    const auto* known = config.find_datacenter(name);
    if (known == nullptr) {
      std::string names;
      for (const auto& one : config.datacenters) names += (names.empty() ? "" : ", ") + one.name;
      problems.add(in.place("name"), "is '" + name + "'; configured are " + names);
      continue;
    }
    auto datacenter = *known;
    for (auto& cluster : clusters) {
      const auto same = std::find_if(known->clusters.begin(), known->clusters.end(),
                                     [&](const auto& c) { return c.name == cluster.name; });
      if (cluster.resource_pool.empty() && same != known->clusters.end())
        cluster.resource_pool = same->resource_pool;
    }
    if (!clusters.empty()) datacenter.clusters = std::move(clusters);
    wish.datacenters.push_back(std::move(datacenter));
  }
}

void read_network(const std::string& name, const Json& network, VmWish& wish, Problems& problems) {
  const auto place = "networks." + name;
  if (!network.is_object()) {
    problems.add(place, "is not an object");
    return;
  }
  JsonReader in(network, place, problems);
  if (in.string_or("type", "manual") == "vip") return;
  JsonReader properties(in.object_or_empty("cloud_properties"), place + ".cloud_properties", problems);
  const auto portgroup = properties.string_or("name", "");
  if (portgroup.empty())
    problems.add(place + ".cloud_properties.name", "is missing: the name of a network or port group");
  wish.nics.push_back({name, portgroup});
}

// The director's name for the VM's instance group: "env.bosh.group".
std::string group_of(const Json& env) {
  const auto bosh = env.find("bosh");
  if (bosh == env.end() || !bosh->is_object()) return {};
  const auto group = bosh->find("group");
  return group != bosh->end() && group->is_string() ? group->get<std::string>() : std::string();
}

void read_options(const Json& properties, const VsphereConfig& config, VmWish& wish, Problems& problems) {
  JsonReader in(properties, "cloud_properties", problems);
  wish.cpu = in.integer_or("cpu", config.default_cpu, 1, 1024);
  wish.ram_mib = in.integer_or("ram", config.default_ram_mib, 64, most_mib);
  wish.ephemeral_disk_mib = in.integer_or("disk", config.default_ephemeral_disk_mib, 0, most_mib);
  wish.cpu_hot_add = in.boolean_or("cpu_hot_add_enabled", false);
  wish.memory_hot_add = in.boolean_or("memory_hot_add_enabled", false);
  wish.nested_virtualization = in.boolean_or("nested_hardware_virtualization", false);
  wish.reserve_all_memory = in.boolean_or("memory_reservation_locked_to_max", false);
  wish.upgrade_hardware = in.boolean_or("upgrade_hw_version", false);
  wish.datastores = in.strings_or_empty("datastores");
  wish.vmx_options = in.object_or_empty("vmx_options");
  for (const auto& [key, value] : wish.vmx_options.items()) {
    // Else a manifest could take the place of the settings, or of what this CPI notes of its own.
    if (key.starts_with("slipway.") || key.starts_with("guestinfo.userdata")) {
      problems.add("cloud_properties.vmx_options." + key, "is the CPI's own");
    }
    if (value.is_structured())
      problems.add("cloud_properties.vmx_options." + key, "is not a text, number or truth value");
  }
  read_places(in.array_or_empty("datacenters"), config, wish, problems);
  for (const auto& [key, value] : properties.items()) {
    static constexpr std::string_view known[] = {"cpu",
                                                 "ram",
                                                 "disk",
                                                 "cpu_hot_add_enabled",
                                                 "memory_hot_add_enabled",
                                                 "nested_hardware_virtualization",
                                                 "memory_reservation_locked_to_max",
                                                 "upgrade_hw_version",
                                                 "datastores",
                                                 "vmx_options",
                                                 "datacenters"};
    if (std::find(std::begin(known), std::end(known), key) == std::end(known)) wish.ignored.push_back(key);
  }
}

}  // namespace

VmWish read_wish(const CreateVm& request, const VsphereConfig& config) {
  Problems problems;
  VmWish wish;
  const Json properties = request.cloud_properties.is_null() ? Json::object() : request.cloud_properties;
  read_options(properties, config, wish, problems);
  if (wish.datacenters.empty()) wish.datacenters = config.datacenters;
  for (const auto& [name, network] : request.networks.items()) read_network(name, network, wish, problems);
  constexpr std::size_t most_nics = 10;
  if (wish.nics.size() > most_nics)
    problems.add("networks", "are " + std::to_string(wish.nics.size()) + "; a VM has at most 10 cards");
  if (wish.anti_affinity_rule.empty() && config.auto_anti_affinity)
    wish.anti_affinity_rule = group_of(request.env);
  if (problems.empty()) return wish;
  std::string details;
  for (const auto& problem : problems.items())
    details += (details.empty() ? "" : "; ") + problem.place + " " + problem.message;
  throw CpiError(ErrorType::vm_creation_failed, Fault::invalid, details, false);
}

Json networks_with_macs(const CreateVm& request, const VmWish& wish, const std::vector<std::string>& macs) {
  Json networks = request.networks;
  for (std::size_t i = 0; i < wish.nics.size() && i < macs.size(); ++i)
    networks[wish.nics[i].network]["mac"] = macs[i];
  return networks;
}

Json agent_settings(const CreateVm& request, const VmCid& vm, const Json& networks,
                    const Json& ephemeral_disk, const VsphereConfig& config) {
  Json settings;
  settings["agent_id"] = request.agent.value;
  settings["vm"] = {{"name", vm.value}};
  settings["mbus"] =
      config.agent_mbus.is_array() && !config.agent_mbus.empty() ? config.agent_mbus[0] : config.agent_mbus;
  settings["ntp"] = config.agent_ntp;
  settings["blobstore"] = config.agent_blobstore;
  settings["networks"] = networks;
  settings["disks"] = {{"system", "0"}, {"persistent", Json::object()}};
  if (!ephemeral_disk.is_null()) settings["disks"]["ephemeral"] = ephemeral_disk;
  settings["env"] = request.env;
  settings["env"]["persistent_disk_fs"] = request.env.value("persistent_disk_fs", "ext4");
  return settings;
}

}  // namespace slipway::cpi::vsphere
