#include "director/domain/cloud_config.hpp"

#include <algorithm>
#include <set>

#include "director/domain/cloud_networks.hpp"
#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"
#include "director/domain/reader.hpp"

namespace slipway::director {

namespace {

template <class Item>
const Item* find_named(const std::vector<Item>& items, const std::string& name) {
  const auto at = std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  return at == items.end() ? nullptr : &*at;
}

template <class Item>
std::vector<std::string> names_of(const std::vector<Item>& items) {
  std::vector<std::string> names;
  for (const auto& item : items) names.push_back(item.name);
  return names;
}

// A path says which config it is in when there are several.
std::string place_in(const std::vector<NamedConfig>& configs, const NamedConfig& config, const std::string& key) {
  if (configs.size() == 1) return key;
  return "config '" + config.name + "'" + (key.empty() ? "" : "." + key);
}

// Each item of `key` over all configs; names must be unique over all of them.
template <class Item, class Read>
std::vector<Item> read_all(const std::vector<NamedConfig>& configs, const std::string& key, int duplicate_code,
                           Problems& problems, Read read) {
  std::vector<Item> items;
  std::set<std::string> seen;
  for (const auto& config : configs) {
    HashReader in(config.content, place_in(configs, config, ""), problems);
    const auto& list = in.array_or_empty(key);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto place = item_place(place_in(configs, config, key), i);
      Item item = read(list[i], place);
      if (!item.name.empty() && !seen.insert(item.name).second) {
        problems.add(place + ".name", "'" + item.name + "' is taken already", duplicate_code);
      }
      items.push_back(std::move(item));
    }
  }
  return items;
}

VmType read_vm_type(const Json& value, const std::string& place, Problems& problems) {
  HashReader in(value, place, problems);
  return {in.text("name"), in.hash_or_empty("cloud_properties")};
}

DiskType read_disk_type(const Json& value, const std::string& place, Problems& problems) {
  HashReader in(value, place, problems);
  DiskType type;
  type.name = in.text("name");
  type.size_mib = in.integer("disk_size", std::numeric_limits<std::int32_t>::min());
  if (type.size_mib < 0 && in.has("disk_size")) {
    in.complain("disk_size", "is " + shown(*in.find("disk_size")) + ", at least 0 (MiB) is allowed",
                code::disk_type_size);
  }
  type.cloud_properties = in.hash_or_empty("cloud_properties");
  return type;
}

Compilation read_compilation(const Json& value, const std::string& place, const CloudConfig& cloud,
                             Problems& problems) {
  HashReader in(value, place, problems);
  Compilation out;
  out.workers = static_cast<int>(in.integer("workers", 1));
  out.network = in.text("network");
  out.az = in.text_or("az", "");
  out.vm_type = in.text_or("vm_type", "");
  if (const auto* resources = in.find("vm_resources")) {
    out.vm_resources = parse_vm_resources(*resources, in.place("vm_resources"), problems);
  }
  out.vm_extensions = in.texts_or_empty("vm_extensions");
  out.cloud_properties = in.hash_or_empty("cloud_properties");
  out.env = in.hash_or_empty("env");
  out.reuse_compilation_vms = in.boolean_or("reuse_compilation_vms", false);
  out.orphan_workers = in.boolean_or("orphan_workers", false);

  if (in.has("vm_type") + in.has("vm_resources") + in.has("cloud_properties") > 1) {
    in.complain("vm_type", "at most one of 'vm_type', 'vm_resources' and 'cloud_properties' is allowed",
                code::compilation_several_sizes);
  }
  const auto* network = cloud.find_network(out.network);
  if (!out.network.empty() && network == nullptr) {
    in.complain("network", "is the unknown '" + out.network + "'; known are " + quoted_list(names_of(cloud.networks)),
                code::compilation_unknown_network);
  }
  if (!out.az.empty() && cloud.find_az(out.az) == nullptr) {
    in.complain("az", "is the unknown '" + out.az + "'; known are " + quoted_list(names_of(cloud.azs)),
                code::compilation_unknown_az);
  } else if (network != nullptr && (out.az.empty() ? network->has_azs() : !network->serves(out.az))) {
    in.complain("az", out.az.empty() ? "is missing: the subnets of network '" + out.network + "' belong to AZs"
                                     : "is '" + out.az + "', which network '" + out.network + "' does not serve",
                code::network_misses_az);
  }
  if (!out.vm_type.empty() && cloud.find_vm_type(out.vm_type) == nullptr) {
    in.complain("vm_type", "is the unknown '" + out.vm_type + "'; known are " + quoted_list(names_of(cloud.vm_types)),
                code::compilation_unknown_vm_type);
  }
  for (const auto& extension : out.vm_extensions) {
    if (cloud.find_vm_extension(extension) != nullptr) continue;
    in.complain("vm_extensions",
                "names the unknown '" + extension + "'; known are " + quoted_list(names_of(cloud.vm_extensions)),
                code::compilation_unknown_vm_extension);
  }
  return out;
}

void check_canonical_network_names(const CloudConfig& cloud, Problems& problems) {
  std::map<std::string, std::string> canonical;
  for (const auto& network : cloud.networks) {
    if (network.name.empty()) continue;
    const auto name = canonical_name(network.name);
    if (!is_dns_label(name)) {
      problems.add("networks", "name '" + network.name + "' makes no DNS label (letters, digits, '-', '_'; at most 63)",
                   code::invalid_canonical_name);
    }
    const auto [at, fresh] = canonical.emplace(name, network.name);
    if (!fresh && at->second != network.name) {
      problems.add("networks", "'" + network.name + "' and '" + at->second + "' are the same name in DNS",
                   code::network_name_taken);
    }
  }
}

}  // namespace

bool Subnet::serves(const std::string& az) const {
  return az.empty() ? azs.empty() : std::find(azs.begin(), azs.end(), az) != azs.end();
}

std::string to_string(NetworkType type) {
  switch (type) {
    case NetworkType::manual: return "manual";
    case NetworkType::dynamic: return "dynamic";
    case NetworkType::vip: return "vip";
  }
  return "manual";
}

bool Network::has_azs() const {
  return std::any_of(subnets.begin(), subnets.end(), [](const Subnet& subnet) { return !subnet.azs.empty(); });
}

bool Network::serves(const std::string& az) const {
  // Subnets without an AZ of a dynamic or vip network serve every AZ: the cloud decides.
  if (type != NetworkType::manual && !has_azs()) return true;
  return std::any_of(subnets.begin(), subnets.end(), [&](const Subnet& subnet) { return subnet.serves(az); });
}

const Subnet* Network::subnet_of(Ipv4 ip) const {
  for (const auto& subnet : subnets) {
    if (subnet.range && subnet.range->range().contains(ip)) return &subnet;
  }
  return nullptr;
}

const Az* CloudConfig::find_az(const std::string& name) const { return find_named(azs, name); }
const VmType* CloudConfig::find_vm_type(const std::string& name) const { return find_named(vm_types, name); }
const VmExtension* CloudConfig::find_vm_extension(const std::string& name) const {
  return find_named(vm_extensions, name);
}
const DiskType* CloudConfig::find_disk_type(const std::string& name) const { return find_named(disk_types, name); }
const Network* CloudConfig::find_network(const std::string& name) const { return find_named(networks, name); }

cpi::VmRequirements parse_vm_resources(const Json& value, const std::string& place, Problems& problems) {
  HashReader in(value, place, problems);
  cpi::VmRequirements out;
  out.cpu = in.integer("cpu", 1);
  out.ram_mib = in.integer("ram", 1);
  out.ephemeral_disk_mib = in.integer("ephemeral_disk_size", 1);
  return out;
}

Json merged_cloud_properties(const std::vector<const Json*>& layers) {
  Json merged = Json::object();
  for (const auto* layer : layers) {
    if (layer != nullptr) merged.update(*layer);
  }
  return merged;
}

CloudConfig parse_cloud_config(const std::vector<NamedConfig>& configs) {
  Problems problems;
  CloudConfig cloud;
  const auto simple = [&](const Json& value, const std::string& place) {
    return read_vm_type(value, place, problems);
  };
  cloud.azs = read_all<Az>(configs, "azs", code::duplicate_az, problems, [&](const Json& value, const std::string& place) {
    HashReader in(value, place, problems);
    return Az{in.text("name"), in.text_or("cpi", ""), in.hash_or_empty("cloud_properties")};
  });
  cloud.vm_types = read_all<VmType>(configs, "vm_types", code::duplicate_vm_type, problems, simple);
  cloud.vm_extensions = read_all<VmExtension>(configs, "vm_extensions", code::duplicate_vm_extension, problems, simple);
  cloud.disk_types = read_all<DiskType>(
      configs, "disk_types", code::duplicate_disk_type, problems,
      [&](const Json& value, const std::string& place) { return read_disk_type(value, place, problems); });

  std::set<std::string> az_names;
  for (const auto& az : cloud.azs) az_names.insert(az.name);
  cloud.networks = read_all<Network>(
      configs, "networks", code::network_name_taken, problems,
      [&](const Json& value, const std::string& place) { return parse_network(value, place, az_names, problems); });
  check_canonical_network_names(cloud, problems);
  if (cloud.networks.empty() && problems.empty()) {
    problems.add("networks", "must hold at least one network", code::no_networks);
  }

  for (const auto& config : configs) {
    HashReader in(config.content, place_in(configs, config, ""), problems);
    const auto* section = in.find("compilation");
    if (section == nullptr) continue;
    const auto place = place_in(configs, config, "compilation");
    if (cloud.compilation) {
      problems.add(place, "stands in another cloud config too; one may have it", code::several_compilation_sections);
      continue;
    }
    cloud.compilation = read_compilation(*section, place, cloud, problems);
  }
  if (!cloud.compilation && problems.empty()) {
    problems.add("compilation", "is required and missing", code::missing_field);
  }
  problems.throw_if_any("the cloud config");
  return cloud;
}

}  // namespace slipway::director
