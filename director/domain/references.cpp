#include <algorithm>
#include <unordered_map>

#include "director/domain/error_codes.hpp"
#include "director/domain/manifest.hpp"
#include "director/domain/names.hpp"
#include "director/domain/reader.hpp"

namespace slipway::director {

namespace {

template <class Item>
std::vector<std::string> names_of(const std::vector<Item>& items) {
  std::vector<std::string> names;
  for (const auto& item : items) names.push_back(item.name);
  return names;
}

class ReferenceCheck {
 public:
  ReferenceCheck(const CloudConfig& cloud, Problems& problems) : cloud_(cloud), problems_(problems) {}

  void check(const InstanceGroup& group, const std::string& place) {
    place_ = place;
    group_ = &group;
    check_azs();
    check_sizes();
    for (const auto& use : group.networks) check_network(use);
  }

 private:
  void complain(const std::string& key, const std::string& message, int code) {
    problems_.add(place_ + "." + key, "group '" + group_->name + "' " + message, code);
  }

  void unknown(const std::string& key, const std::string& what, const std::string& name,
               const std::vector<std::string>& known, int code) {
    complain(key, "uses the unknown " + what + " '" + name + "'; known are " + quoted_list(known), code);
  }

  void check_azs() {
    for (const auto& az : group_->azs) {
      if (cloud_.find_az(az) == nullptr) {
        unknown("azs", "availability zone", az, names_of(cloud_.azs), code::group_unknown_az);
      }
    }
  }

  void check_sizes() {
    if (!group_->vm_type.empty() && cloud_.find_vm_type(group_->vm_type) == nullptr) {
      unknown("vm_type", "VM type", group_->vm_type, names_of(cloud_.vm_types), code::group_unknown_vm_type);
    }
    for (const auto& extension : group_->vm_extensions) {
      if (cloud_.find_vm_extension(extension) != nullptr) continue;
      unknown("vm_extensions", "VM extension", extension, names_of(cloud_.vm_extensions), 100);
    }
    const auto& disk = group_->persistent_disk_type;
    if (!disk.empty() && cloud_.find_disk_type(disk) == nullptr) {
      unknown("persistent_disk_type", "disk type", disk, names_of(cloud_.disk_types), code::group_unknown_disk_type);
    }
    for (const auto& named : group_->persistent_disks) check_named_disk(named);
  }

  void check_named_disk(const NamedDisk& disk) {
    const auto* type = cloud_.find_disk_type(disk.type);
    if (type == nullptr) {
      unknown("persistent_disks", "disk type", disk.type, names_of(cloud_.disk_types), code::group_unknown_disk_type);
    } else if (type->size_mib == 0) {
      complain("persistent_disks",
               "gives its disk '" + disk.name + "' the type '" + disk.type + "', whose disk_size is 0; a named disk has a size",
               code::group_several_disks);
    }
  }

  void check_network(const NetworkUse& use) {
    const auto* network = cloud_.find_network(use.name);
    if (network == nullptr) {
      unknown("networks", "network", use.name, names_of(cloud_.networks), code::group_unknown_network);
      return;
    }
    check_coverage(*network);
    if (network->type == NetworkType::vip && (use.default_dns || use.default_gateway)) {
      complain("networks", "takes its default gateway or DNS from the VIP network '" + use.name + "', which has none",
               code::invalid_network_default);
    }
    if (network->type == NetworkType::vip) check_vip(use, *network);
    if (network->type == NetworkType::dynamic && !use.static_ips.empty()) {
      complain("networks", "has static IPs in network '" + use.name + "', which is dynamic: its cloud gives the addresses",
               code::static_ip_on_dynamic_network);
    }
    if (network->type != NetworkType::dynamic) check_static_ips(use, *network);
  }

  void check_coverage(const Network& network) {
    if (network.type == NetworkType::vip) return;
    if (group_->azs.empty()) {
      if (!network.serves("")) {
        complain("azs", "must name availability zones: the subnets of network '" + network.name + "' belong to some",
                 code::network_misses_az);
      }
      return;
    }
    for (const auto& az : group_->azs) {
      if (cloud_.find_az(az) == nullptr || network.serves(az)) continue;
      complain("networks", "is in AZ '" + az + "', for which network '" + network.name + "' has no subnet",
               code::network_misses_az);
    }
  }

  void check_vip(const NetworkUse& use, const Network& network) {
    const bool pool = std::any_of(network.subnets.begin(), network.subnets.end(),
                                  [](const Subnet& subnet) { return !subnet.static_ips.empty(); });
    if (pool && !use.static_ips.empty()) {
      complain("networks", "has static IPs in VIP network '" + use.name + "', which has a pool of its own; only one is allowed",
               code::invalid_static_ips);
    }
    if (!pool && use.static_ips.empty()) {
      complain("networks", "needs static IPs in VIP network '" + use.name + "'", code::static_ip_count);
    }
  }

  static std::string ranges_of(const Network& network) {
    std::string ranges;
    for (const auto& subnet : network.subnets)
      if (subnet.range) ranges += (ranges.empty() ? "" : ", ") + subnet.range->to_string();
    return ranges.empty() ? "it has none" : "those are " + ranges;
  }

  void check_static_ips(const NetworkUse& use, const Network& network) {
    for (const auto ip : use.static_ips) {
      const auto text = ip.to_string();
      const auto [owner, fresh] = static_ips_.emplace(ip.value, group_->name);
      if (!fresh && owner->second != group_->name) {
        complain("networks", "has the static IP " + text + ", which group '" + owner->second + "' has too",
                 code::ip_in_use);
      }
      if (network.type == NetworkType::vip) continue;
      const auto* subnet = network.subnet_of(ip);
      if (subnet == nullptr) {
        complain("networks", "has the static IP " + text + ", which is in no subnet of network '" + use.name + "': " +
                                 ranges_of(network),
                 code::ip_outside_subnet);
        continue;
      }
      if (subnet->reserved.contains(ip)) {
        complain("networks", "has the static IP " + text + ", which network '" + use.name + "' reserves",
                 code::ip_reserved);
      } else if (!subnet->static_ips.contains(ip)) {
        complain("networks",
                 "has the static IP " + text + ", which is not in a 'static' range of network '" + use.name + "'",
                 code::ip_wrong_pool);
      }
      const bool in_azs = group_->azs.empty() ||
                          std::any_of(group_->azs.begin(), group_->azs.end(),
                                      [&](const std::string& az) { return subnet->serves(az); });
      if (!in_azs) {
        complain("networks",
                 "has the static IP " + text + ", which is in none of its availability zones " +
                     quoted_list(group_->azs),
                 code::static_ip_in_other_az);
      }
    }
  }

  const CloudConfig& cloud_;
  Problems& problems_;
  std::string place_;
  const InstanceGroup* group_ = nullptr;
  std::unordered_map<std::uint32_t, std::string> static_ips_;  // who named it first
};

}  // namespace

void check_references(const Manifest& manifest, const CloudConfig& cloud, Problems& problems) {
  ReferenceCheck check(cloud, problems);
  for (std::size_t i = 0; i < manifest.instance_groups.size(); ++i) {
    check.check(manifest.instance_groups[i], item_place("instance_groups", i));
  }
}

}  // namespace slipway::director
