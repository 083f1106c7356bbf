#include "director/planner/links.hpp"

#include <algorithm>
#include <set>

#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"
#include "director/domain/reader.hpp"
#include "director/planner/networks.hpp"

namespace slipway::director {

namespace {

constexpr const char* disk_link = "disk";  // the type of what named disks provide

std::string text_of(const Json& definition, const char* key) {
  const auto at = definition.find(key);
  return at != definition.end() && at->is_string() ? at->get<std::string>() : "";
}

const Json& list_of(const Json& spec, const char* key) {
  static const Json none = Json::array();
  const auto at = spec.find(key);
  return at != spec.end() && at->is_array() ? *at : none;
}

// "a.b.c" into nested hashes; nullptr where the way ends.
const Json* dig(const Json& value, std::string_view path) {
  const Json* at = &value;
  for (;;) {
    const auto dot = path.find('.');
    if (!at->is_object()) return nullptr;
    const auto next = at->find(std::string(path.substr(0, dot)));
    if (next == at->end()) return nullptr;
    at = &*next;
    if (dot == std::string_view::npos) return at;
    path.remove_prefix(dot + 1);
  }
}

void plant(Json& value, std::string_view path, const Json& leaf) {
  Json* at = &value;
  for (;;) {
    const auto dot = path.find('.');
    if (!at->is_object()) *at = Json::object();
    at = &(*at)[std::string(path.substr(0, dot))];
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  *at = leaf;
}

void deep_merge(Json& base, const Json& over) {
  for (const auto& [key, value] : over.items()) {
    auto& slot = base[key];
    if (slot.is_object() && value.is_object()) deep_merge(slot, value);
    else slot = value;
  }
}

std::string place_of(const InstanceGroup& group, const JobUse& job) {
  return "instance group '" + group.name + "' job '" + job.name + "'";
}

}  // namespace

Json properties_for(const Manifest& manifest, const InstanceGroup& group, const JobUse& job) {
  if (job.properties) return *job.properties;
  Json merged = manifest.properties;
  deep_merge(merged, group.properties);
  return merged;
}

Links::Links(const Desired& desired, const World& world, const ChosenVersions& resolution,
             const std::vector<LinkGroup>& groups, NumberGivers& numbers)
    : desired_(desired), world_(world), resolution_(resolution), numbers_(numbers) {
  for (const auto& az : desired.cloud.azs) az_ids_[az.name] = std::to_string(numbers.azs.of(az.name));
  for (const auto& group : groups) {
    collect(group, found_early_);
    add_disks(group);
  }
  for (std::size_t i = 0; i < providers_.size(); ++i) {
    by_type_[providers_[i].type].push_back(i);
    by_alias_[providers_[i].alias].push_back(i);
  }
}

void Links::collect(const LinkGroup& group, Problems& problems) {
  for (const auto& job : group.group->jobs) {
    const auto* release = resolution_.release(job.release);
    if (release == nullptr) continue;
    const auto record = release->jobs.find(job.name);
    if (record == release->jobs.end()) continue;
    const auto& provides = list_of(record->second->spec, "provides");
    for (const auto& definition : provides) add_provider(group, job, *record->second, definition, false, problems);
    for (const auto& definition : job.custom_provider_definitions) {
      add_provider(group, job, *record->second, definition, true, problems);
    }
    for (const auto& [name, unused] : job.provides) {
      const auto known = [&, key = name](const Json& definition) { return text_of(definition, "name") == key; };
      const auto& custom = job.custom_provider_definitions;
      if (std::any_of(provides.begin(), provides.end(), known) || std::any_of(custom.begin(), custom.end(), known)) continue;
      problems.add(place_of(*group.group, job) + " provides",
                   "link '" + name + "' is not one the job provides", code::invalid_link);
    }
  }
}

// A job learns by such a link under which name its disk is linked on its own node, so nobody elsewhere is offered it.
// Source: cloudfoundry/bosh, LinkProvidersParser#parse_provider_from_disk.
void Links::add_disks(const LinkGroup& group) {
  for (const auto& disk : group.group->persistent_disks)
    providers_.push_back({&group, nullptr, disk.name, disk.name, disk_link, false, {{"name", disk.name}}});
}

void Links::add_provider(const LinkGroup& group, const JobUse& job, const JobRecord& record, const Json& definition,
                         bool custom, Problems& problems) {
  Provider provider{&group, &job, text_of(definition, "name"), "", text_of(definition, "type"), false, Json::object()};
  provider.alias = provider.name;
  if (const auto said = job.provides.find(provider.name); said != job.provides.end()) {
    if (said->second.blocked) return;
    if (!said->second.as.empty()) provider.alias = said->second.as;
    provider.shared = said->second.shared;
  }
  const auto given = properties_for(desired_.manifest, *group.group, job);
  const auto declared = record.spec.find("properties");
  for (const auto& name : list_of(definition, "properties")) {
    if (!name.is_string()) continue;
    const auto path = name.get<std::string>();
    const Json* described = nullptr;
    if (declared != record.spec.end() && declared->is_object()) {
      const auto at = declared->find(path);
      if (at != declared->end()) described = &*at;
    }
    if (described == nullptr && !custom) {
      problems.add(place_of(*group.group, job),
                   "link '" + provider.name + "' exports property '" + path + "', which the job does not declare",
                   code::invalid_link);
      continue;
    }
    const auto* value = dig(given, path);
    if ((value == nullptr || value->is_null()) && described != nullptr && described->is_object()) {
      const auto fallback = described->find("default");
      if (fallback != described->end()) value = &*fallback;
    }
    plant(provider.properties, path, value == nullptr ? Json() : *value);
  }
  providers_.push_back(std::move(provider));
}

Json Links::resolve(const InstanceGroup& group, const JobUse& job, Problems& problems) {
  problems.append(std::exchange(found_early_, Problems{}));
  Json links = Json::object();
  const auto* release = resolution_.release(job.release);
  if (release == nullptr) return links;
  const auto record = release->jobs.find(job.name);
  if (record == release->jobs.end()) return links;
  const auto& consumes = list_of(record->second->spec, "consumes");
  for (const auto& definition : consumes) {
    const auto name = text_of(definition, "name");
    const auto said = job.consumes.find(name);
    const auto* consumer = said == job.consumes.end() ? nullptr : &said->second;
    const auto place = place_of(group, job) + " link '" + name + "'";
    if (consumer != nullptr && consumer->blocked) continue;
    if (consumer != nullptr && consumer->manual) {
      Json manual = *consumer->manual;
      manual["deployment_name"] = desired_.manifest.name;
      links[name] = std::move(manual);
      continue;
    }
    const bool elsewhere = consumer != nullptr && !consumer->deployment.empty() &&
                           consumer->deployment != desired_.manifest.name;
    if (elsewhere) {
      auto found = from_other_deployment(*consumer, text_of(definition, "type"), place, problems);
      if (!found.is_null()) links[name] = std::move(found);
      continue;
    }
    const auto* provider = find(group, job, definition, consumer, place, problems);
    if (provider == nullptr) continue;
    if (const auto* made = content(*provider, consumer, place, problems)) links[name] = *made;
  }
  for (const auto& [name, unused] : job.consumes) {
    const bool known = std::any_of(consumes.begin(), consumes.end(),
                                   [&, key = name](const Json& item) { return text_of(item, "name") == key; });
    if (!known) {
      problems.add(place_of(group, job) + " consumes", "link '" + name + "' is not one the job consumes",
                   code::invalid_link);
    }
  }
  return links;
}

const Links::Provider* Links::find(const InstanceGroup& group, const JobUse&, const Json& definition,
                                   const LinkConsumer* consumer, const std::string& place, Problems& problems) const {
  const auto type = text_of(definition, "type");
  const bool by_name = consumer != nullptr && !consumer->from.empty();
  const auto& index = by_name ? by_alias_ : by_type_;
  const auto at = index.find(by_name ? consumer->from : type);
  std::vector<const Provider*> found;
  if (at != index.end()) {
    for (const auto i : at->second) {
      const bool elsewhere = providers_[i].job == nullptr && providers_[i].group->group != &group;
      if (providers_[i].type == type && !elsewhere) found.push_back(&providers_[i]);
    }
  }
  if (found.size() == 1) return found.front();
  const auto optional = definition.find("optional");
  const bool may_miss = !by_name && optional != definition.end() && optional->is_boolean() && optional->get<bool>();
  if (found.empty() && may_miss) return nullptr;
  std::vector<std::string> listed;
  for (const auto& provider : providers_) {
    const bool is_one = std::find(found.begin(), found.end(), &provider) != found.end();
    if (found.empty() || is_one) {
      listed.push_back(provider.group->group->name + "." + (provider.job ? provider.job->name : "persistent_disks") + "." +
                       provider.alias + " (type " + provider.type + ")");
    }
  }
  const auto wanted = by_name ? "named '" + consumer->from + "' of type '" + type + "'" : "of type '" + type + "'";
  problems.add(place,
               found.empty() ? "no provider " + wanted + " is in this deployment; there are " + quoted_list(listed)
                             : std::to_string(found.size()) + " providers " + wanted + " are in this deployment: " +
                                   quoted_list(listed) + "; choose one with 'from'",
               code::invalid_link);
  return nullptr;
}

// Entries are {deployment, name, type, default_network, short_networks, link}: `link` is a content
// whose instances carry `addresses` by network instead of one address.
Json Links::from_other_deployment(const LinkConsumer& consumer, const std::string& type, const std::string& place,
                                  Problems& problems) const {
  std::vector<std::string> offered;
  for (const auto& entry : world_.shared_links) {
    if (text_of(entry, "deployment") != consumer.deployment) continue;
    offered.push_back(text_of(entry, "name") + " (type " + text_of(entry, "type") + ")");
    if (text_of(entry, "type") != type || (!consumer.from.empty() && text_of(entry, "name") != consumer.from)) continue;
    Json link = entry.at("link");
    const auto network = consumer.network.empty() ? text_of(entry, "default_network") : consumer.network;
    const bool ips = consumer.ip_addresses.value_or(!desired_.manifest.features.use_dns_addresses);
    for (auto& instance : link["instances"]) {
      const auto addresses = instance["addresses"];
      instance.erase("addresses");
      if (!addresses.contains(network)) {
        problems.add(place, "the provider in deployment '" + consumer.deployment + "' is not in network '" + network + "'",
                     code::invalid_link);
        return Json();
      }
      const auto& both = addresses.at(network);
      instance["address"] = ips && !both.value("ip", "").empty() ? both.at("ip") : both.at("name");
    }
    link["default_network"] = canonical_name(network);
    // How its provider's deployment has it, not this one.
    if (link.contains("short_dns")) link["short_dns"]["network"] = entry.at("short_networks").at(network);
    return link;
  }
  problems.add(place,
               "deployment '" + consumer.deployment + "' shares no link '" + consumer.from + "' of type '" + type +
                   "'; it shares " + quoted_list(offered),
               code::invalid_link);
  return Json();
}

Json Links::content_frame(const Provider& provider, const std::string& network) {
  Json frame = {{"instances", Json::array()},
                {"properties", provider.properties},
                {"instance_group", canonical_name(provider.group->group->name)},
                {"default_network", canonical_name(network)},
                {"deployment_name", canonical_name(desired_.manifest.name)},
                {"domain", world_.dns_domain},
                {"az_ids", az_ids_}};
  if (desired_.manifest.features.use_short_dns_addresses && provider.job != nullptr) {
    frame["short_dns"] = {{"group", "q-g" + std::to_string(dns_group(provider))},
                          {"network", "n" + std::to_string(numbers_.networks.of(network))}};
  }
  return frame;
}

std::int64_t Links::dns_group(const Provider& provider) {
  const auto& deployment = desired_.manifest.name;
  return numbers_.groups.of(desired_.manifest.features.use_link_dns_names
                                ? link_group_key(deployment, provider.alias, provider.type)
                                : instance_group_key(deployment, provider.group->group->name));
}

std::string Links::dns_name_of(const Provider& provider, const LinkGroup::Member& member, const std::string& network) {
  if (!desired_.manifest.features.use_link_dns_names) return member.addresses.at(network).name;
  return short_dns_name(numbers_.instances.of(member.instance->id.value), numbers_.networks.of(network),
                        dns_group(provider), world_.dns_domain);
}

std::map<std::string, std::set<std::string>> Links::dns_groups() const {
  std::map<std::string, std::set<std::string>> groups;
  if (!desired_.manifest.features.use_link_dns_names) return groups;
  for (const auto& provider : providers_) {
    if (provider.job == nullptr) continue;
    groups[provider.group->group->name].insert(link_group_key(desired_.manifest.name, provider.alias, provider.type));
  }
  return groups;
}

namespace {

Json link_instance(const PlannedInstance& instance) {
  return {{"name", instance.group},
          {"index", instance.index},
          {"id", instance.id.value},
          {"az", instance.az.empty() ? Json() : Json(instance.az)},
          {"bootstrap", instance.bootstrap}};
}

}  // namespace

const Json* Links::content(const Provider& provider, const LinkConsumer* consumer, const std::string& place,
                           Problems& problems) {
  const auto& group = *provider.group->group;
  auto network = group.addressable_network().name;
  if (consumer != nullptr && !consumer->network.empty()) {
    network = consumer->network;
    const bool has = std::any_of(group.networks.begin(), group.networks.end(),
                                 [&](const NetworkUse& use) { return use.name == network; });
    if (!has) {
      problems.add(place, "its provider, group '" + group.name + "', is not in network '" + network + "'",
                   code::invalid_link);
      return nullptr;
    }
  }
  bool ips = !desired_.manifest.features.use_dns_addresses;
  if (consumer != nullptr) ips = consumer->ip_addresses.value_or(ips);
  const auto key = std::to_string(&provider - providers_.data()) + (ips ? " ip " : " dns ") + network;
  const auto [slot, fresh] = contents_.try_emplace(key);
  if (!fresh) return &slot->second;
  slot->second = content_frame(provider, network);
  auto& instances = slot->second["instances"];
  if (provider.job == nullptr) return &slot->second;  // each instance has its own disk, and asks nobody for it
  for (const auto& member : provider.group->members) {
    const auto& address = member.addresses.at(network);
    auto entry = link_instance(*member.instance);
    entry["address"] = ips && !address.ip.empty() ? address.ip : dns_name_of(provider, member, network);
    instances.push_back(std::move(entry));
  }
  return &slot->second;
}

Json Links::shared() {
  Json out = Json::array();
  for (const auto& provider : providers_) {
    if (!provider.shared) continue;
    const auto network = provider.group->group->addressable_network().name;
    auto link = content_frame(provider, network);
    for (const auto& member : provider.group->members) {
      auto entry = link_instance(*member.instance);
      for (const auto& [name, address] : member.addresses) {
        entry["addresses"][name] = {{"ip", address.ip}, {"name", dns_name_of(provider, member, name)}};
      }
      link["instances"].push_back(std::move(entry));
    }
    Json short_networks = Json::object();
    for (const auto& use : provider.group->group->networks) {
      if (link.contains("short_dns")) short_networks[use.name] = "n" + std::to_string(numbers_.networks.of(use.name));
    }
    out.push_back({{"deployment", desired_.manifest.name},
                   {"name", provider.alias},
                   {"type", provider.type},
                   {"default_network", network},
                   {"short_networks", std::move(short_networks)},
                   {"link", std::move(link)}});
  }
  return out;
}

}  // namespace slipway::director
