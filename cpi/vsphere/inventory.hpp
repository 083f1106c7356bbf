#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cpi/vsphere/properties.hpp"

namespace slipway::cpi::vsphere {

struct Datastore {
  MoRef ref;
  std::string name;
  std::int64_t free_mib = 0;
  bool usable = false;  // reachable and not in maintenance
};

enum class NetworkKind { standard, distributed, opaque };
struct Network {
  MoRef ref;
  std::string name;
  NetworkKind kind = NetworkKind::standard;
  std::string portgroup_key, switch_uuid;  // distributed
  std::string opaque_id, opaque_type;      // opaque (NSX)
};

struct Host {
  MoRef ref;
  std::string name;
  std::int64_t free_memory_mib = 0;
  bool usable = false;  // connected and not in maintenance
};

struct Cluster {
  MoRef ref;
  std::string name;
  MoRef pool;            // the configured one, else the root pool
  bool has_pool = true;  // false: the configured one is not there
  bool drs = true;       // vCenter chooses the host
  std::vector<Host> hosts;
  std::vector<MoRef> datastores;
  std::vector<MoRef> networks;
  std::int64_t free_memory_mib() const;
  const Host* best_host() const;  // of those in service the one with most memory free; null: none is
  bool sees(const Datastore& datastore) const;
};

struct Datacenter {
  const DatacenterConfig* config = nullptr;
  MoRef ref;
  std::string path;               // for file access: "Europe/DC0"
  MoRef vm_folder;                // vSphere's own folder of all VMs
  std::vector<Cluster> clusters;  // the configured ones that exist
  std::vector<Datastore> datastores;
  std::vector<Network> networks;
  const Datastore* find_datastore(const std::string& name) const;
  const Cluster* cluster_of_host(const MoRef& host) const;
};

struct Inventory {
  std::vector<Datacenter> datacenters;  // those asked for that exist, in that order
  std::vector<std::string> missing;     // the others' names
  const Datacenter* find(const std::string& name) const;
};

// Clusters, hosts, pools, datastores and networks of the datacenters, in one call. Nothing in it grows with
// the number of VMs. `datacenters` outlives the result.
Inventory read_inventory(Session& session, const std::vector<DatacenterConfig>& datacenters);

}  // namespace slipway::cpi::vsphere
