#pragma once

#include <set>
#include <string>
#include <vector>

#include "cpi/vsphere/inventory.hpp"

namespace slipway::cpi::vsphere {

// Where a VM shall go, as its cloud properties say.
struct PlacementWish {
  std::vector<std::string> datastores;  // names that are allowed; empty: the configured pattern decides
  std::vector<std::string> networks;    // each must be in the cluster
  std::int64_t disk_mib = 0;
  std::int64_t memory_mib = 0;
  std::set<std::string> near_datastores;  // where disks lie that will be attached
  std::string spread_key;                 // the same key, the same datacenter among several
};

struct Placement {
  const Datacenter* datacenter = nullptr;
  const Cluster* cluster = nullptr;
  const Datastore* datastore = nullptr;
};

// Pure: the cluster with most free memory that has a fitting datastore, and there the one with most free
// space. Clusters that reach the datastores of the disks to come go before the others. Throws
// VMCreationFailed that says for every place why it does not do; it may be retried when all that lacks is
// space, memory or hosts.
Placement choose_placement(const Inventory& inventory, const PlacementWish& wish, std::int64_t headroom_mib);

// A datastore for a persistent disk: named, or by the datacenter's pattern; seen by `cluster` unless that is
// null; the one with most free space. Throws no_disk_space or cloud_error.
const Datastore& choose_disk_datastore(const Datacenter& datacenter, const Cluster* cluster,
                                       const std::vector<std::string>& names, std::int64_t size_mib,
                                       std::int64_t headroom_mib);

// The pattern is found in the name, anywhere, as BOSH reads such patterns.
bool matches(const std::string& pattern, const std::string& name);

}  // namespace slipway::cpi::vsphere
