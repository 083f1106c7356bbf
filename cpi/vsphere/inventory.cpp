#include "cpi/vsphere/inventory.hpp"

#include <algorithm>

namespace slipway::cpi::vsphere {

namespace {

constexpr std::int64_t mib = 1 << 20;

// Folders nest, and so do resource pools; VMs and their folders are left out.
std::vector<Traversal> traversals() {
  const std::vector<std::string> from_folder{"folder",       "dc_host",      "dc_network",
                                             "dc_datastore", "compute_host", "compute_pool"};
  return {{"folder", "Folder", "childEntity", from_folder},
          {"dc_host", "Datacenter", "hostFolder", {"folder"}},
          {"dc_network", "Datacenter", "networkFolder", {"folder"}},
          {"dc_datastore", "Datacenter", "datastore", {}},
          {"compute_host", "ComputeResource", "host", {}},
          {"compute_pool", "ComputeResource", "resourcePool", {"pool"}},
          {"pool", "ResourcePool", "resourcePool", {"pool"}}};
}

const std::vector<PropertySpec>& property_specs() {
  static const std::vector<PropertySpec> specs{
      {"Folder", {"name", "parent"}},
      {"Datacenter", {"name", "parent", "vmFolder", "datastore", "network"}},
      {"ClusterComputeResource",
       {"name", "parent", "resourcePool", "datastore", "network", "configuration.drsConfig.enabled"}},
      {"HostSystem",
       {"name", "parent", "runtime.connectionState", "runtime.inMaintenanceMode",
        "summary.hardware.memorySize", "summary.quickStats.overallMemoryUsage"}},
      {"ResourcePool", {"name", "owner"}},
      {"Datastore", {"name", "summary.freeSpace", "summary.accessible", "summary.maintenanceMode"}},
      {"Network", {"name"}},
      {"DistributedVirtualPortgroup", {"name", "key", "config.distributedVirtualSwitch"}},
      {"OpaqueNetwork", {"name", "summary"}},
      {"DistributedVirtualSwitch", {"uuid"}}};
  return specs;
}

// vCenter writes '%', '/' and '\' in names as "%25", "%2f" and "%5c".
std::string plain_name(const std::string& name) { return http::url_decode(name); }

using Objects = std::map<MoRef, Properties>;

std::string path_of(const Objects& objects, const MoRef& root, const MoRef& ref) {
  std::string path;
  MoRef here = ref;
  for (std::size_t steps = 0; here != root && steps <= objects.size(); ++steps) {
    const auto found = objects.find(here);
    if (found == objects.end()) return {};
    path = plain_name(found->second.text("name")) + (path.empty() ? "" : "/") + path;
    here = found->second.ref("parent");
  }
  return path;
}

// Whether `ref` lies below `ancestor`, along the parents.
bool is_below(const Objects& objects, MoRef ref, const MoRef& ancestor) {
  for (std::size_t steps = 0; steps <= objects.size(); ++steps) {
    if (ref == ancestor) return true;
    const auto found = objects.find(ref);
    if (found == objects.end()) return false;
    ref = found->second.ref("parent");
  }
  return false;
}

Host read_host(const Properties& seen) {
  const auto size = seen.get("summary.hardware.memorySize").number().value_or(0) / mib;
  const auto used = seen.get("summary.quickStats.overallMemoryUsage").number().value_or(0);
  const bool usable =
      seen.text("runtime.connectionState") == "connected" && !seen.get("runtime.inMaintenanceMode").flag();
  return {seen.object, seen.text("name"), std::max<std::int64_t>(0, size - used), usable};
}

Cluster read_cluster(const Objects& objects, const Properties& seen, const ClusterConfig& config) {
  Cluster cluster{.ref = seen.object, .name = config.name, .pool = seen.ref("resourcePool")};
  cluster.datastores = seen.get("datastore").refs("ManagedObjectReference");
  cluster.networks = seen.get("network").refs("ManagedObjectReference");
  if (const auto drs = seen.get("configuration.drsConfig.enabled")) cluster.drs = drs.flag();
  for (const auto& [ref, object] : objects) {
    if (ref.type == "HostSystem" && object.ref("parent") == seen.object)
      cluster.hosts.push_back(read_host(object));
  }
  if (config.resource_pool.empty()) return cluster;
  cluster.has_pool = false;
  for (const auto& [ref, object] : objects) {
    if (ref.type != "ResourcePool" || object.ref("owner") != seen.object) continue;
    if (plain_name(object.text("name")) != config.resource_pool) continue;
    cluster.pool = ref;
    cluster.has_pool = true;
  }
  return cluster;
}

Network read_network(const Objects& objects, const Properties& seen) {
  Network network{.ref = seen.object, .name = plain_name(seen.text("name"))};
  if (seen.object.type == "DistributedVirtualPortgroup") {
    network.kind = NetworkKind::distributed;
    network.portgroup_key = seen.text("key");
    const auto owner = objects.find(seen.ref("config.distributedVirtualSwitch"));
    if (owner != objects.end()) network.switch_uuid = owner->second.text("uuid");
  } else if (seen.object.type == "OpaqueNetwork") {
    network.kind = NetworkKind::opaque;
    network.opaque_id = seen.get("summary").text("opaqueNetworkId");
    network.opaque_type = seen.get("summary").text("opaqueNetworkType");
  }
  return network;
}

Datastore read_datastore(const Properties& seen) {
  const auto maintenance = seen.text("summary.maintenanceMode");
  return {seen.object, plain_name(seen.text("name")),
          seen.get("summary.freeSpace").number().value_or(0) / mib,
          seen.get("summary.accessible").flag() && (maintenance.empty() || maintenance == "normal")};
}

Datacenter read_datacenter(const Objects& objects, const Properties& seen, const DatacenterConfig& config,
                           const std::string& path) {
  Datacenter datacenter{
      .config = &config, .ref = seen.object, .path = path, .vm_folder = seen.ref("vmFolder")};
  for (const auto& ref : seen.get("datastore").refs("ManagedObjectReference")) {
    if (const auto found = objects.find(ref); found != objects.end())
      datacenter.datastores.push_back(read_datastore(found->second));
  }
  for (const auto& ref : seen.get("network").refs("ManagedObjectReference")) {
    if (const auto found = objects.find(ref); found != objects.end())
      datacenter.networks.push_back(read_network(objects, found->second));
  }
  for (const auto& wanted : config.clusters) {
    for (const auto& [ref, object] : objects) {
      if (ref.type != "ClusterComputeResource" || plain_name(object.text("name")) != wanted.name) continue;
      if (is_below(objects, ref, seen.object))
        datacenter.clusters.push_back(read_cluster(objects, object, wanted));
    }
  }
  return datacenter;
}

}  // namespace

std::int64_t Cluster::free_memory_mib() const {
  std::int64_t sum = 0;
  for (const auto& host : hosts) sum += host.usable ? host.free_memory_mib : 0;
  return sum;
}

const Host* Cluster::best_host() const {
  const Host* best = nullptr;
  for (const auto& host : hosts) {
    if (host.usable && (best == nullptr || host.free_memory_mib > best->free_memory_mib)) best = &host;
  }
  return best;
}

bool Cluster::sees(const Datastore& datastore) const {
  return std::find(datastores.begin(), datastores.end(), datastore.ref) != datastores.end();
}

const Datastore* Datacenter::find_datastore(const std::string& name) const {
  const auto found =
      std::find_if(datastores.begin(), datastores.end(), [&](const auto& one) { return one.name == name; });
  return found == datastores.end() ? nullptr : &*found;
}

const Cluster* Datacenter::cluster_of_host(const MoRef& host) const {
  for (const auto& cluster : clusters) {
    for (const auto& one : cluster.hosts) {
      if (one.ref == host) return &cluster;
    }
  }
  return nullptr;
}

const Datacenter* Inventory::find(const std::string& name) const {
  const auto found = std::find_if(datacenters.begin(), datacenters.end(),
                                  [&](const auto& one) { return one.config->name == name; });
  return found == datacenters.end() ? nullptr : &*found;
}

Inventory read_inventory(Session& session, const std::vector<DatacenterConfig>& datacenters) {
  const auto root = session.content().root_folder;
  Objects objects;
  for (auto& one : retrieve(session, property_specs(), {{root, traversals()}})) {
    const auto ref = one.object;
    objects.emplace(ref, std::move(one));
  }
  Inventory inventory;
  for (const auto& config : datacenters) {
    const auto found = std::find_if(objects.begin(), objects.end(), [&](const auto& entry) {
      return entry.first.type == "Datacenter" && path_of(objects, root, entry.first) == config.name;
    });
    if (found == objects.end()) {
      inventory.missing.push_back(config.name);
    } else {
      inventory.datacenters.push_back(read_datacenter(objects, found->second, config, config.name));
    }
  }
  return inventory;
}

}  // namespace slipway::cpi::vsphere
