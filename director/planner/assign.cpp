#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"
#include "director/domain/reader.hpp"
#include "director/planner/addons.hpp"
#include "director/planner/address_choice.hpp"
#include "director/planner/changes.hpp"
#include "director/planner/links.hpp"
#include "director/planner/networks.hpp"
#include "director/planner/placement.hpp"
#include "director/planner/plan.hpp"
#include "director/planner/resolve.hpp"
#include "director/planner/scope.hpp"

namespace slipway::director {

namespace {

std::string place_of(const InstanceGroup& group) { return "instance group '" + group.name + "'"; }

// The first index nobody in the group has.
class IndexPool {
 public:
  bool take(int index) { return used_.insert(index).second; }
  int take_lowest() {
    while (!used_.insert(next_).second) ++next_;
    return next_;
  }

 private:
  std::unordered_set<int> used_;
  int next_ = 0;
};

class Assigner {
 public:
  Assigner(const Desired& desired, const World& world, Random& random)
      : desired_(desired), world_(world), random_(random), resolution_(desired.manifest, world, problems_),
        manifest_(with_addons(desired.manifest, resolution_, world.teams, problems_)),
        addresses_(world, manifest_.name, staying_, problems_), numbers_(world.dns_numbers) {}

  Assignment run() {
    check_references(manifest_, desired_.cloud, problems_);
    check_scope(desired_, world_, problems_);
    for (const auto& group : manifest_.instance_groups) check_jobs(group);
    stop_on_problems();

    out_.deployment = manifest_.name;
    index_world();
    std::vector<Placement> placements;
    for (const auto& group : manifest_.instance_groups) placements.push_back(place_group(group));
    collect_obsolete(placements);
    stop_on_problems();
    for (std::size_t i = 0; i < placements.size(); ++i) seat_group(manifest_.instance_groups[i], placements[i]);
    stop_on_problems();
    link_groups();
    out_.dns_numbers = numbers_.used();
    collect_released_ips();
    stop_on_problems();
    return std::move(out_);
  }

 private:
  void stop_on_problems();
  void check_jobs(const InstanceGroup& group);
  void index_world();
  Placement place_group(const InstanceGroup& group);
  void collect_obsolete(const std::vector<Placement>& placements);
  void seat_group(const InstanceGroup& group, const Placement& placement);
  void elect_bootstrap(std::size_t first);
  PlannedInstance plan_instance(const InstanceGroup& group, const Seat& seat, int index);
  void set_machine(const InstanceGroup& group, PlannedInstance& out) const;
  bool swaps(const InstanceGroup& group, const Seat& seat, PlannedInstance planned) const;
  void set_networks(const InstanceGroup& group, const Seat& seat, PlannedInstance& out);
  void link_groups();
  std::string address_name(const InstanceGroup& group, const std::string& id, const std::string& network);
  void set_template_spec(const InstanceGroup& group, const LinkGroup::Member& member, PlannedInstance& out) const;
  void collect_released_ips();

  const Desired& desired_;
  const World& world_;
  Random& random_;
  Problems problems_;
  ChosenVersions resolution_;
  Manifest manifest_;
  std::unordered_set<std::string> staying_;  // ids of existing instances with a seat
  AddressChoice addresses_;
  NumberGivers numbers_;
  Assignment out_;
  std::unordered_map<std::string, std::vector<const ActualInstance*>> by_group_;
  std::unordered_map<std::string, const ActualInstance*> by_id_;
  std::unordered_map<std::string, std::size_t> first_of_group_;  // in out_.instances
};

void Assigner::stop_on_problems() {
  if (problems_.empty()) return;
  const bool only_space = std::all_of(problems_.items().begin(), problems_.items().end(), [](const Problem& problem) {
    return problem.code == code::no_free_address;
  });
  try {
    problems_.throw_if_any("deployment '" + manifest_.name + "'");
  } catch (const Error& error) {
    if (!only_space) throw;
    throw Error(Fault::exhausted, error.what(), error.code());
  }
}

void Assigner::check_jobs(const InstanceGroup& group) {
  const auto* stemcell = resolution_.stemcell(group.stemcell);
  for (const auto& use : group.jobs) {
    const auto* release = resolution_.release(use.release);
    if (release == nullptr) continue;
    const auto job = release->jobs.find(use.name);
    if (job == release->jobs.end()) {
      std::vector<std::string> known;
      for (const auto& record : release->record->jobs) known.push_back(record.name);
      problems_.add(place_of(group) + " job '" + use.name + "'",
                    "release '" + use.release + "/" + release->record->version + "' has no such job; it has " +
                        quoted_list(known),
                    code::group_unknown_job);
    }
  }
  if (stemcell == nullptr) return;
  const auto azs = group.azs.empty() ? std::vector<std::string>{""} : group.azs;
  for (const auto& name : azs) {
    const auto* az = desired_.cloud.find_az(name);
    const auto cpi = az == nullptr ? world_.default_cpi : az->cpi;
    if (resolution_.stemcell_on_cpi(group.stemcell, cpi)) continue;
    const auto& cpis = world_.cpis;
    if (!cpi.empty() && std::find(cpis.begin(), cpis.end(), cpi) == cpis.end()) {
      problems_.add("azs." + name + ".cpi",
                    "CPI '" + cpi + "' is not in the CPI config, which has " + quoted_list(cpis), code::invalid_value);
      continue;
    }
    problems_.add(place_of(group),
                  "stemcell '" + stemcell->name + "/" + stemcell->version + "' is not uploaded to " +
                      (cpi.empty() ? "the default CPI" : "CPI '" + cpi + "' of availability zone '" + name + "'"),
                  code::stemcell_not_found);
  }
}

void Assigner::index_world() {
  for (const auto& instance : world_.instances) {
    by_group_[instance.record.group].push_back(&instance);
    by_id_[instance.record.id.value] = &instance;
  }
  PackageCollector packages(out_.packages);
  for (const auto& group : manifest_.instance_groups) {
    if (group.instances == 0) continue;
    for (const auto& use : group.jobs) {
      const auto* release = resolution_.release(use.release);
      packages.add(*release, *release->jobs.at(use.name), *resolution_.stemcell(group.stemcell), problems_);
    }
  }
}

Placement Assigner::place_group(const InstanceGroup& group) {
  std::vector<Candidate> candidates;
  for (const auto* instance : by_group_[group.name]) candidates.push_back({instance, instance->record.az});
  for (const auto& from : group.migrated_from) {
    if (from.name == group.name) {
      for (auto& candidate : candidates) {
        if (candidate.az.empty()) candidate.az = from.az;
      }
      continue;
    }
    for (const auto* instance : by_group_[from.name]) {
      const auto& az = instance->record.az;
      if (from.az.empty() || az.empty() || az == from.az) candidates.push_back({instance, az.empty() ? from.az : az});
    }
  }
  return place(group, desired_.cloud, std::move(candidates), manifest_.features.randomize_az_placement, random_, problems_);
}

void Assigner::collect_obsolete(const std::vector<Placement>& placements) {
  for (const auto& placement : placements) {
    for (const auto& seat : placement.seats) {
      if (seat.existing == nullptr) continue;
      if (!staying_.insert(seat.existing->record.id.value).second) {
        problems_.add("instance groups", "instance " + seat.existing->record.id.value + " is migrated to two of them",
                      code::invalid_migrated_from);
      }
    }
  }
  for (const auto& instance : world_.instances) {
    if (staying_.count(instance.record.id.value) != 0) continue;
    out_.obsolete.push_back(instance.record.id);
    if (!instance.record.ignore || manifest_.find_group(instance.record.group) != nullptr) continue;
    problems_.add("instance groups",
                  "group '" + instance.record.group + "' is gone from the manifest and its instance " +
                      instance.record.id.value + " is ignored; unignore it first",
                  code::ignored_instances_deleted);
  }
}

void Assigner::seat_group(const InstanceGroup& group, const Placement& placement) {
  IndexPool indexes;
  for (const auto* instance : by_group_[group.name]) indexes.take(instance->record.index);
  const auto first = out_.instances.size();
  first_of_group_[group.name] = first;
  for (const auto& seat : placement.seats) {
    const bool own = seat.existing != nullptr && seat.existing->record.group == group.name;
    int index = seat.existing != nullptr ? seat.existing->record.index : -1;
    if (!own && (index < 0 || !indexes.take(index))) index = indexes.take_lowest();
    out_.instances.push_back(plan_instance(group, seat, index));
  }
  std::unordered_map<std::string, std::size_t> az_order;
  for (const auto& az : group.azs) az_order.emplace(az, az_order.size());
  std::sort(out_.instances.begin() + static_cast<std::ptrdiff_t>(first), out_.instances.end(),
            [&](const PlannedInstance& a, const PlannedInstance& b) {
              return std::pair(az_order[a.az], a.index) < std::pair(az_order[b.az], b.index);
            });
  elect_bootstrap(first);
}

void Assigner::elect_bootstrap(std::size_t first) {
  const auto begin = out_.instances.begin() + static_cast<std::ptrdiff_t>(first);
  const auto had_it = [&](const PlannedInstance& planned) {
    const auto at = by_id_.find(planned.id.value);
    return at != by_id_.end() && at->second->record.bootstrap;
  };
  if (begin == out_.instances.end()) return;
  auto chosen = std::find_if(begin, out_.instances.end(), had_it);
  if (std::count_if(begin, out_.instances.end(), had_it) != 1) {
    chosen = std::min_element(begin, out_.instances.end(),
                              [](const PlannedInstance& a, const PlannedInstance& b) { return a.index < b.index; });
  }
  chosen->bootstrap = true;
}

PlannedInstance Assigner::plan_instance(const InstanceGroup& group, const Seat& seat, int index) {
  PlannedInstance out;
  out.is_new = seat.existing == nullptr;
  out.id = out.is_new ? InstanceId{random_.uuid()} : seat.existing->record.id;
  out.group = group.name;
  out.index = index;
  out.az = seat.az;
  if (!out.is_new) {
    const auto& record = seat.existing->record;
    out.state = record.state;
    if (in_scope(desired_.options, record) && !record.ignore) {
      if (desired_.options.set_state) out.state = *desired_.options.set_state;
      else if (desired_.options.restart) out.state = InstanceState::started;
    }
  }
  set_machine(group, out);
  out.swap = swaps(group, seat, out);
  set_networks(group, seat, out);
  return out;
}

// Known before the addresses are, because both VMs need some at the same time.
bool Assigner::swaps(const InstanceGroup& group, const Seat& seat, PlannedInstance planned) const {
  const auto* actual = seat.existing;
  if (group.update.vm_strategy != VmStrategy::create_swap_delete || actual == nullptr || !actual->vm) return false;
  const bool runs = actual->responsive && actual->record.state == InstanceState::started &&
                    planned.state == InstanceState::started && actual->vm->cpi == planned.cpi;
  if (!runs || actual->record.ignore || !in_scope(desired_.options, actual->record)) return false;
  for (const auto& use : group.networks) {
    const bool is_vip = desired_.cloud.find_network(use.name)->type == NetworkType::vip;
    if (is_vip || !use.static_ips.empty()) return false;  // no second VM can have these
  }
  // What the cloud makes of a size given by need is not known here.
  if (planned.vm_resources) planned.vm_cloud_properties = actual->vm->cloud_properties;
  return ChangeDetector(desired_).needs_other_vm(planned, *actual);
}

void Assigner::set_machine(const InstanceGroup& group, PlannedInstance& out) const {
  const auto& cloud = desired_.cloud;
  const auto* az = cloud.find_az(out.az);
  out.cpi = az != nullptr ? az->cpi : world_.default_cpi;
  // Where the CPI has none, a problem was told.
  out.stemcell = resolution_.stemcell_on_cpi(group.stemcell, out.cpi).value_or(*resolution_.stemcell(group.stemcell));
  out.vm_resources = group.vm_resources;
  const auto* type = cloud.find_vm_type(group.vm_type);
  out.vm_cloud_properties = cloud_properties_of(desired_, out, type == nullptr ? Json::object() : type->cloud_properties);
  out.env = group.env;
  const auto add_disk = [&](const std::string& name, const std::string& type_name) {
    const auto* disk = cloud.find_disk_type(type_name);
    if (disk->size_mib > 0) out.disks.push_back({name, disk->size_mib, disk->cloud_properties});
  };
  if (group.persistent_disk_mib > 0) out.disks.push_back({"", group.persistent_disk_mib, Json::object()});
  if (!group.persistent_disk_type.empty()) add_disk("", group.persistent_disk_type);
  for (const auto& disk : group.persistent_disks) add_disk(disk.name, disk.type);
  for (const auto* tags : {&manifest_.tags, &group.tags}) {
    for (const auto& [key, value] : *tags) out.tags[key] = value;
  }
}

void Assigner::set_networks(const InstanceGroup& group, const Seat& seat, PlannedInstance& out) {
  const auto index_host = std::to_string(out.index);
  for (const auto& use : group.networks) {
    const auto& network = *desired_.cloud.find_network(use.name);
    const auto ip = addresses_.choose(use, network, seat, out);
    auto settings = network_settings(network, use, out.az, ip);
    const auto by_index = dns_name(index_host, group.name, use.name, manifest_.name, world_.dns_domain);
    settings["dns_record_name"] = by_index;
    out.networks[use.name] = std::move(settings);
    out.dns_names.push_back(dns_name(out.id.value, group.name, use.name, manifest_.name, world_.dns_domain));
    out.dns_names.push_back(by_index);
    if (!ip) continue;
    out.ips.push_back({ip->to_string(), manifest_.name, out.id, {}, use.name, seat.static_ips.count(use.name) != 0});
  }
}

void Assigner::link_groups() {
  std::vector<LinkGroup> groups;
  for (const auto& group : manifest_.instance_groups) {
    LinkGroup entry{&group, {}};
    const auto first = first_of_group_.at(group.name);
    for (std::size_t i = 0; i < static_cast<std::size_t>(group.instances); ++i) {
      LinkGroup::Member member{&out_.instances[first + i], {}};
      for (const auto& use : group.networks) {
        member.addresses[use.name] = {member.instance->networks[use.name].value("ip", ""),
                                      address_name(group, member.instance->id.value, use.name)};
      }
      entry.members.push_back(std::move(member));
    }
    groups.push_back(std::move(entry));
  }
  for (const auto& az : desired_.cloud.azs) numbers_.azs.of(az.name);
  Links links(desired_, world_, resolution_, groups, numbers_);
  for (const auto& entry : groups) {
    std::vector<PlannedInstance::Job> jobs;
    for (const auto& use : entry.group->jobs) {
      jobs.push_back({use.name, use.release, resolution_.release(use.release)->record->version,
                      properties_for(manifest_, *entry.group, use), links.resolve(*entry.group, use, problems_)});
    }
    const auto first = first_of_group_.at(entry.group->name);
    for (std::size_t i = 0; i < entry.members.size(); ++i) {
      out_.instances[first + i].jobs = jobs;
      set_template_spec(*entry.group, entry.members[i], out_.instances[first + i]);
    }
  }
  out_.shared_links = links.shared();
  out_.link_groups = links.dns_groups();
}

std::string Assigner::address_name(const InstanceGroup& group, const std::string& id, const std::string& network) {
  if (!manifest_.features.use_short_dns_addresses)
    return dns_name(id, group.name, network, manifest_.name, world_.dns_domain);
  return short_dns_name(numbers_.instances.of(id), numbers_.networks.of(network),
                        numbers_.groups.of(instance_group_key(manifest_.name, group.name)), world_.dns_domain);
}

void Assigner::set_template_spec(const InstanceGroup& group, const LinkGroup::Member& member,
                                 PlannedInstance& out) const {
  const auto& address = member.addresses.at(group.addressable_network().name);
  const bool by_name = manifest_.features.use_dns_addresses || address.ip.empty();
  Json networks = out.networks;
  for (auto& settings : networks) {
    if (settings["type"] != "dynamic") continue;
    // Rendered before the cloud has given an address: a valid one keeps templates simple.
    for (const auto* key : {"ip", "netmask", "gateway"}) settings[key] = "127.0.0.1";
  }
  // Key by key: a list of pairs would be built, and copied, as a document of its own first.
  auto& spec = out.spec_for_templates = Json::object();
  spec["deployment"] = manifest_.name;
  spec["job"]["name"] = group.name;
  spec["index"] = out.index;
  spec["bootstrap"] = out.bootstrap;
  spec["name"] = group.name;
  spec["id"] = out.id.value;
  spec["az"] = out.az.empty() ? Json() : Json(out.az);
  spec["dns_domain_name"] = world_.dns_domain;
  spec["persistent_disk"] = out.store_mib();
  spec["address"] = by_name ? address.name : address.ip;
  spec["ip"] = networks[group.addressable_network().name].value("ip", "");
  spec["networks"] = std::move(networks);
}

void Assigner::collect_released_ips() {
  for (const auto& planned : out_.instances) {
    const auto at = by_id_.find(planned.id.value);
    if (at == by_id_.end()) continue;
    for (const auto& held : at->second->ips) {
      const bool kept = std::any_of(planned.ips.begin(), planned.ips.end(),
                                    [&](const IpRecord& ip) { return ip.address == held.address; });
      if (!kept) out_.released_ips.push_back(held.address);
    }
  }
}

}  // namespace

Json cloud_properties_of(const Desired& desired, const PlannedInstance& instance, const Json& size) {
  const auto* group = desired.manifest.find_group(instance.group);
  const auto* az = desired.cloud.find_az(instance.az);
  std::vector<const Json*> layers{az == nullptr ? nullptr : &az->cloud_properties, &size};
  if (group != nullptr) {
    for (const auto& name : group->vm_extensions) {
      if (const auto* extension = desired.cloud.find_vm_extension(name)) layers.push_back(&extension->cloud_properties);
    }
  }
  return merged_cloud_properties(layers);
}

const PlannedDisk* PlannedInstance::find_disk(const std::string& disk_name) const {
  const auto at = std::find_if(disks.begin(), disks.end(), [&](const PlannedDisk& disk) { return disk.name == disk_name; });
  return at == disks.end() ? nullptr : &*at;
}

std::int64_t PlannedInstance::store_mib() const {
  const auto* disk = find_disk("");
  return disk == nullptr ? 0 : disk->size_mib;
}

const DiskRecord* ActualInstance::active_disk(const std::string& disk_name) const {
  const auto at = std::find_if(disks.begin(), disks.end(), [&](const DiskRecord& disk) {
    return disk.state == DiskState::active && disk.name == disk_name;
  });
  return at == disks.end() ? nullptr : &*at;
}

Assignment assign(const Desired& desired, const World& world, Random& random) {
  return Assigner(desired, world, random).run();
}

}  // namespace slipway::director
