#include "cpi/vsphere/placement.hpp"

#include <algorithm>
#include <regex>

#include "base/digest.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi::vsphere {

namespace {

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

std::string names_of(const std::vector<Datastore>& datastores) {
  std::string names;
  for (const auto& one : datastores)
    names += (names.empty() ? "" : ", ") + one.name + " (" + std::to_string(one.free_mib) + " MiB free)";
  return names.empty() ? "none" : names;
}

bool allowed(const Datastore& datastore, const std::vector<std::string>& names, const std::string& pattern) {
  return names.empty() ? matches(pattern, datastore.name) : contains(names, datastore.name);
}

const Datastore* roomiest(const Datacenter& datacenter, const Cluster* cluster,
                          const std::vector<std::string>& names, const std::string& pattern,
                          std::int64_t need_mib) {
  const Datastore* best = nullptr;
  for (const auto& one : datacenter.datastores) {
    if (!one.usable || one.free_mib < need_mib || !allowed(one, names, pattern)) continue;
    if (cluster != nullptr && !cluster->sees(one)) continue;
    if (best == nullptr || one.free_mib > best->free_mib) best = &one;
  }
  return best;
}

// Why a place does not do; `lasting` when waiting will not help.
struct Refusal {
  std::string text;
  bool lasting = true;
};

class Chooser {
 public:
  Chooser(const Inventory& inventory, const PlacementWish& wish, std::int64_t headroom_mib)
      : inventory_(inventory), wish_(wish), need_mib_(wish.disk_mib + headroom_mib) {}

  Placement choose() {
    for (const auto* datacenter : candidates()) {
      if (const auto found = best_in(*datacenter); found.cluster != nullptr) return found;
    }
    std::string text = "no place for the VM";
    bool lasting = true;
    for (const auto& refusal : refusals_) {
      text += "; " + refusal.text;
      lasting = lasting && refusal.lasting;
    }
    throw CpiError(ErrorType::vm_creation_failed, lasting ? Fault::invalid : Fault::retryable, text,
                   !lasting);
  }

 private:
  // Two creates of one VM at once must look in the same datacenter, where its name can be taken only once.
  std::vector<const Datacenter*> candidates() {
    std::vector<const Datacenter*> found;
    for (const auto& one : inventory_.datacenters) found.push_back(&one);
    for (const auto& name : inventory_.missing)
      refuse("datacenter '" + name + "' is not there, or the account does not see it");
    if (found.size() > 1) {
      const auto first = std::stoul(sha256_hex(wish_.spread_key).substr(0, 8), nullptr, 16) % found.size();
      found = {found[first]};
    }
    return found;
  }

  Placement best_in(const Datacenter& datacenter) {
    Placement best;
    std::int64_t best_memory = -1;
    bool best_near = false;
    for (const auto& cluster : datacenter.clusters) {
      const auto* datastore = datastore_in(datacenter, cluster);
      if (datastore == nullptr) continue;
      const bool near = reaches_disks(datacenter, cluster);
      const auto memory = cluster.free_memory_mib();
      if (best.cluster != nullptr && (near < best_near || (near == best_near && memory <= best_memory)))
        continue;
      best = {&datacenter, &cluster, datastore};
      best_memory = memory;
      best_near = near;
    }
    if (best.cluster == nullptr) explain_missing_clusters(datacenter);
    return best;
  }

  bool reaches_disks(const Datacenter& datacenter, const Cluster& cluster) const {
    return std::all_of(wish_.near_datastores.begin(), wish_.near_datastores.end(), [&](const auto& name) {
      const auto* datastore = datacenter.find_datastore(name);
      return datastore != nullptr && cluster.sees(*datastore);
    });
  }

  const Datastore* datastore_in(const Datacenter& datacenter, const Cluster& cluster) {
    const auto where = "cluster '" + cluster.name + "' in '" + datacenter.config->name + "' ";
    if (!cluster.has_pool) return refuse(where + "has no such resource pool");
    for (const auto& name : wish_.networks) {
      const bool there =
          std::any_of(datacenter.networks.begin(), datacenter.networks.end(), [&](const auto& network) {
            return network.name == name && std::find(cluster.networks.begin(), cluster.networks.end(),
                                                     network.ref) != cluster.networks.end();
          });
      if (!there) return refuse(where + "has no network '" + name + "'");
    }
    if (std::none_of(cluster.hosts.begin(), cluster.hosts.end(),
                     [](const auto& host) { return host.usable; })) {
      return refuse(where + "has no host that is connected and not in maintenance", false);
    }
    if (cluster.free_memory_mib() < wish_.memory_mib) {
      return refuse(where + "has " + std::to_string(cluster.free_memory_mib()) + " MiB of memory free, " +
                        std::to_string(wish_.memory_mib) + " are wanted",
                    false);
    }
    const auto& pattern = datacenter.config->datastore_pattern;
    if (const auto* found = roomiest(datacenter, &cluster, wish_.datastores, pattern, need_mib_))
      return found;
    const bool full = roomiest(datacenter, &cluster, wish_.datastores, pattern, 0) != nullptr;
    const auto rule = wish_.datastores.empty() ? "that matches '" + pattern + "'"
                                               : std::string("that cloud_properties.datastores names");
    return refuse(where + "sees no datastore " + rule +
                      (full ? " with " + std::to_string(need_mib_) + " MiB free" : "") + "; there are " +
                      names_of(datacenter.datastores),
                  !full);
  }

  void explain_missing_clusters(const Datacenter& datacenter) {
    for (const auto& one : datacenter.config->clusters) {
      const bool there = std::any_of(datacenter.clusters.begin(), datacenter.clusters.end(),
                                     [&](const auto& c) { return c.name == one.name; });
      if (!there)
        refuse("cluster '" + one.name + "' is not in '" + datacenter.config->name +
               "', or the account does not see it");
    }
  }

  const Datastore* refuse(const std::string& text, bool lasting = true) {
    refusals_.push_back({text, lasting});
    return nullptr;
  }

  const Inventory& inventory_;
  const PlacementWish& wish_;
  const std::int64_t need_mib_;
  std::vector<Refusal> refusals_;
};

}  // namespace

bool matches(const std::string& pattern, const std::string& name) {
  return std::regex_search(name, std::regex(pattern));
}

Placement choose_placement(const Inventory& inventory, const PlacementWish& wish, std::int64_t headroom_mib) {
  return Chooser(inventory, wish, headroom_mib).choose();
}

const Datastore& choose_disk_datastore(const Datacenter& datacenter, const Cluster* cluster,
                                       const std::vector<std::string>& names, std::int64_t size_mib,
                                       std::int64_t headroom_mib) {
  const auto& pattern = datacenter.config->persistent_datastore_pattern;
  const auto need = size_mib + headroom_mib;
  if (const auto* found = roomiest(datacenter, cluster, names, pattern, need)) return *found;
  const bool full = roomiest(datacenter, cluster, names, pattern, 0) != nullptr;
  const auto rule =
      names.empty() ? "matches '" + pattern + "'" : std::string("is named in cloud_properties.datastores");
  throw CpiError(full ? ErrorType::no_disk_space : ErrorType::cloud_error,
                 "no datastore that " + rule +
                     (cluster == nullptr ? "" : " and cluster '" + cluster->name + "' sees") + " has " +
                     std::to_string(need) + " MiB free; there are " + names_of(datacenter.datastores));
}

}  // namespace slipway::cpi::vsphere
