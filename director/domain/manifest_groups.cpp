#include <algorithm>
#include <set>

#include "director/domain/error_codes.hpp"
#include "director/domain/manifest_parts.hpp"
#include "director/domain/names.hpp"

namespace slipway::director {

namespace {

constexpr std::int64_t most_instances = 100'000;
constexpr std::int64_t most_disk_mib = std::int64_t{1} << 40;

std::vector<std::string> names_of(const std::vector<ReleaseUse>& releases) {
  std::vector<std::string> names;
  for (const auto& release : releases) names.push_back(release.name);
  return names;
}

bool lists(const std::vector<ReleaseUse>& releases, const std::string& name) {
  return std::any_of(releases.begin(), releases.end(), [&](const ReleaseUse& release) { return release.name == name; });
}

std::string joined(const std::string& place, const std::string& key) { return place.empty() ? key : place + "." + key; }

JobUse parse_job(const Json& value, const std::string& place, const std::string& owner,
                 const std::vector<ReleaseUse>& releases, int code_unlisted, Problems& problems) {
  HashReader in(value, place, problems);
  JobUse job;
  job.name = in.text("name");
  job.release = in.text_or("release", "");
  if (job.release.empty() && releases.size() == 1) job.release = releases.front().name;
  if (job.release.empty()) {
    in.complain("release", "is required: job '" + job.name + "' of " + owner + " does not say which release it is from",
                code::missing_field);
  } else if (!lists(releases, job.release)) {
    in.complain("release",
                "job '" + job.name + "' of " + owner + " is from the unlisted release '" + job.release +
                    "'; listed are " + quoted_list(names_of(releases)),
                code_unlisted);
  }
  if (in.has("properties")) job.properties = in.hash_or_empty("properties");
  job.consumes = parse_consumes(in);
  job.provides = parse_provides(in);
  job.custom_provider_definitions = in.array_or_empty("custom_provider_definitions");
  return job;
}

void parse_static_ips(HashReader& in, const std::string& group, std::int64_t instances, NetworkUse& network) {
  const auto& list = in.array_or_empty("static_ips");
  std::set<Ipv4> seen;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto place = item_place(in.place("static_ips"), i);
    const auto range = IpRange::parse(as_text(list[i]).value_or(""));
    if (!range) {
      in.problems().add(place, "is " + shown(list[i]) + ", expected is an IPv4 address or a range 'a-b'",
                        code::invalid_static_ips);
      return;
    }
    if (range->size() > static_cast<std::uint64_t>(most_instances)) {
      in.problems().add(place, range->to_string() + " has more addresses than a group can have instances",
                        code::static_ip_count);
      return;
    }
    for (auto ip = range->first;; ++ip.value) {
      if (seen.insert(ip).second) network.static_ips.push_back(ip);
      else in.problems().add(place, "names " + ip.to_string() + " again", code::invalid_static_ips);
      if (ip == range->last) break;
    }
  }
  if (!in.has("static_ips")) return;
  if (static_cast<std::int64_t>(network.static_ips.size()) != instances) {
    in.complain("static_ips",
                "group '" + group + "' has " + std::to_string(instances) + " instances and " +
                    std::to_string(network.static_ips.size()) + " static IPs in network '" + network.name +
                    "'; the two must be equal",
                code::static_ip_count);
  }
}

NetworkUse parse_network_use(const Json& value, const std::string& place, const std::string& group,
                             std::int64_t instances, Problems& problems) {
  HashReader in(value, place, problems);
  NetworkUse network;
  network.name = in.text("name");
  parse_static_ips(in, group, instances, network);
  for (const auto& what : in.texts_or_empty("default")) {
    if (what == "dns") network.default_dns = true;
    else if (what == "gateway") network.default_gateway = true;
    else if (what == "addressable") network.default_addressable = true;
    else {
      in.complain("default", "names '" + what + "'; allowed are 'dns', 'gateway' and 'addressable'",
                  code::invalid_network_default);
    }
  }
  if (in.has("nic_group")) network.nic_group = static_cast<int>(in.integer("nic_group", 0));
  return network;
}

void check_defaults(HashReader& in, InstanceGroup& group) {
  if (group.networks.empty()) return;
  const auto check = [&](const char* what, bool NetworkUse::*flag, bool required) {
    const auto count = std::count_if(group.networks.begin(), group.networks.end(),
                                     [&](const NetworkUse& network) { return network.*flag; });
    if (count > 1) {
      in.complain("networks", "group '" + group.name + "' names several networks as default for " + what,
                  code::several_network_defaults);
    }
    if (count == 0 && required) {
      if (group.networks.size() == 1) {
        group.networks.front().*flag = true;
      } else {
        in.complain("networks", "group '" + group.name + "' has several networks: one needs default: [" + what + "]",
                    code::missing_network_default);
      }
    }
  };
  check("dns", &NetworkUse::default_dns, true);
  check("gateway", &NetworkUse::default_gateway, true);
  check("addressable", &NetworkUse::default_addressable, false);
}

void parse_networks(HashReader& in, InstanceGroup& group) {
  const auto& networks = in.array_or_empty("networks");
  if (networks.empty()) {
    in.complain("networks", "group '" + group.name + "' must name at least one network", code::group_without_network);
  }
  std::set<std::string> seen;
  for (std::size_t i = 0; i < networks.size(); ++i) {
    const auto place = item_place(in.place("networks"), i);
    auto network = parse_network_use(networks[i], place, group.name, group.instances, in.problems());
    if (!network.name.empty() && !seen.insert(network.name).second) {
      in.problems().add(place, "names network '" + network.name + "' again", code::invalid_value);
    }
    group.networks.push_back(std::move(network));
  }
  check_defaults(in, group);
}

void parse_size(HashReader& in, InstanceGroup& group) {
  group.vm_type = in.text_or("vm_type", "");
  if (in.has("vm_resources")) {
    group.vm_resources = parse_vm_resources(*in.find("vm_resources"), in.place("vm_resources"), in.problems());
  }
  if (in.has("vm_type") == in.has("vm_resources")) {
    in.complain("vm_type",
                "group '" + group.name + "' must say exactly one of 'vm_type' and 'vm_resources'" +
                    (in.has("vm_type") ? ", not both" : ""),
                code::group_several_sizes);
  }
  group.vm_extensions = in.texts_or_empty("vm_extensions");
}

// The agent makes a file of this name, and in URLs and events it stands as it is.
bool is_disk_name(const std::string& name) {
  constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  constexpr std::size_t longest = 63;
  return !name.empty() && name.size() <= longest && name.front() != '.' &&
         name.find_first_not_of(allowed) == std::string::npos;
}

void parse_named_disks(HashReader& in, InstanceGroup& group) {
  const auto& list = in.array_or_empty("persistent_disks");
  std::set<std::string> seen;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto place = item_place(in.place("persistent_disks"), i);
    HashReader item(list[i], place, in.problems());
    NamedDisk disk{item.text("name"), item.text("type")};
    if (disk.name.empty()) {
      // That is told already.
    } else if (!is_disk_name(disk.name)) {
      item.complain("name",
                    "is " + shown(*item.find("name")) +
                        "; allowed are 1 to 63 letters, digits, '.', '_' and '-', not beginning with '.'",
                    code::group_several_disks);
    } else if (!seen.insert(disk.name).second) {
      item.complain("name", "group '" + group.name + "' has a persistent disk named '" + disk.name + "' twice",
                    code::group_several_disks);
    }
    group.persistent_disks.push_back(std::move(disk));
  }
}

void parse_disk(HashReader& in, InstanceGroup& group) {
  group.persistent_disk_mib = in.integer_or("persistent_disk", 0, 0, most_disk_mib);
  group.persistent_disk_type = in.text_or("persistent_disk_type", "");
  if (in.has("persistent_disk") + in.has("persistent_disk_type") + in.has("persistent_disks") > 1) {
    in.complain("persistent_disk",
                "group '" + group.name +
                    "' must say at most one of 'persistent_disk', 'persistent_disk_type' and 'persistent_disks'",
                code::group_several_disks);
  } else {
    parse_named_disks(in, group);
  }
}

void parse_migrated_from(HashReader& in, InstanceGroup& group) {
  const auto& list = in.array_or_empty("migrated_from");
  for (std::size_t i = 0; i < list.size(); ++i) {
    HashReader item(list[i], item_place(in.place("migrated_from"), i), in.problems());
    MigratedFrom from{item.text("name"), item.text_or("az", "")};
    if (!from.az.empty() && std::find(group.azs.begin(), group.azs.end(), from.az) == group.azs.end()) {
      item.complain("az", "is '" + from.az + "', which is no AZ of group '" + group.name + "': " +
                              quoted_list(group.azs),
                    code::invalid_migrated_from);
    }
    group.migrated_from.push_back(std::move(from));
  }
}

}  // namespace

std::vector<JobUse> parse_jobs(HashReader& in, const std::string& owner, const std::vector<ReleaseUse>& releases,
                               int code_unlisted) {
  std::vector<JobUse> jobs;
  std::set<std::string> seen;
  const auto& list = in.array_or_empty("jobs");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto place = item_place(in.place("jobs"), i);
    auto job = parse_job(list[i], place, owner, releases, code_unlisted, in.problems());
    if (!job.name.empty() && !seen.insert(job.name).second) {
      in.problems().add(joined(place, "name"), owner + " has job '" + job.name + "' twice", code::group_invalid_jobs);
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

InstanceGroup parse_instance_group(const Json& value, const std::string& place, const Manifest& manifest,
                                   Problems& problems) {
  HashReader in(value, place, problems);
  InstanceGroup group;
  group.name = in.text("name");
  group.instances = static_cast<int>(in.integer("instances", 0, most_instances));
  group.azs = in.texts_or_empty("azs");
  if (in.has("azs") && group.azs.empty()) {
    in.complain("azs", "group '" + group.name + "' must name at least one availability zone, or leave 'azs' out",
                code::group_azs_missing);
  }
  std::set<std::string> distinct;
  std::erase_if(group.azs, [&](const std::string& az) { return !distinct.insert(az).second; });

  group.jobs = parse_jobs(in, "group '" + group.name + "'", manifest.releases, code::group_unknown_release);
  parse_size(in, group);
  group.stemcell = in.text("stemcell");
  if (!group.stemcell.empty() && manifest.find_stemcell(group.stemcell) == nullptr) {
    std::vector<std::string> aliases;
    for (const auto& stemcell : manifest.stemcells) aliases.push_back(stemcell.alias);
    in.complain("stemcell",
                "group '" + group.name + "' uses the unknown stemcell alias '" + group.stemcell + "'; known are " +
                    quoted_list(aliases),
                code::group_unknown_stemcell);
  }
  parse_disk(in, group);
  parse_networks(in, group);
  group.env = in.hash_or_empty("env");
  group.tags = parse_tags(in);
  group.properties = in.hash_or_empty("properties");
  group.update = in.has("update") ? parse_update(*in.find("update"), in.place("update"), &manifest.update, problems)
                                  : manifest.update;
  const auto lifecycle = in.text_or("lifecycle", "service");
  if (lifecycle == "errand") group.lifecycle = Lifecycle::errand;
  else if (lifecycle != "service") {
    in.complain("lifecycle", "is '" + lifecycle + "'; allowed are 'service' and 'errand'", code::invalid_lifecycle);
  }
  parse_migrated_from(in, group);
  return group;
}

}  // namespace slipway::director
