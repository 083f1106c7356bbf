#include "director/executor/variable_links.hpp"

#include <algorithm>
#include <set>

#include "director/domain/names.hpp"
#include "director/planner/networks.hpp"
#include "releases/format/version.hpp"

namespace slipway::director {

namespace {

const Json nothing = Json::array();

const Json& list_in(const Json& hash, const char* key) {
  if (!hash.is_object()) return nothing;
  const auto found = hash.find(key);
  return found != hash.end() && found->is_array() ? *found : nothing;
}

std::string text_in(const Json& hash, const char* key) {
  if (!hash.is_object()) return {};
  const auto found = hash.find(key);
  if (found == hash.end()) return {};
  return found->is_string() ? found->get<std::string>() : found->is_primitive() ? found->dump() : std::string();
}

// The network whose addresses are the group's own, as for links of jobs.
std::string network_of(const Json& group) {
  const auto& networks = list_in(group, "networks");
  for (const char* what : {"addressable", "gateway"}) {
    for (const auto& network : networks) {
      const auto& defaults = list_in(network, "default");
      if (std::find(defaults.begin(), defaults.end(), what) != defaults.end()) return text_in(network, "name");
    }
  }
  return networks.empty() ? std::string() : text_in(networks.front(), "name");
}

bool provides(const Json& job, const std::string& link) {
  for (const auto& definition : list_in(job, "custom_provider_definitions")) {
    if (text_in(definition, "type") != "address") continue;
    auto name = text_in(definition, "name");
    const Json said = job.value("provides", Json::object()).value(name, Json::object());
    if (said.is_string()) continue;  // "nil": to nobody
    if (const auto alias = text_in(said, "as"); !alias.empty()) name = alias;
    if (name == link) return true;
  }
  return false;
}

bool answers(const Json& wish, const StemcellRecord& stemcell) {
  const auto name = text_in(wish, "name"), os = text_in(wish, "os");
  return (name.empty() ? os == stemcell.operating_system : name == stemcell.name) &&
         version_matches(text_in(wish, "version"), stemcell.version);
}

}  // namespace

std::optional<std::string> address_of_link(const Json& manifest, const std::string& link, const std::string& domain,
                                           const NumberOf& number_of) {
  const auto features = manifest.find("features");
  const auto has = [&](const char* key) {
    if (features == manifest.end() || !features->is_object()) return false;
    const auto found = features->find(key);
    return found != features->end() && *found == Json(true);
  };
  const bool by_link = has("use_link_dns_names");
  const auto deployment = text_in(manifest, "name");
  for (const auto& group : list_in(manifest, "instance_groups")) {
    const auto& jobs = list_in(group, "jobs");
    const bool found = std::any_of(jobs.begin(), jobs.end(), [&](const Json& job) { return provides(job, link); });
    if (!found) continue;
    const auto name = text_in(group, "name"), network = network_of(group);
    if (!by_link && !has("use_short_dns_addresses")) return dns_name("q-s0", name, network, deployment, domain);
    const auto members = by_link ? link_group_key(deployment, link, "address") : instance_group_key(deployment, name);
    return "q-n" + std::to_string(number_of(DnsNumberKind::network, network)) + "s0.q-g" +
           std::to_string(number_of(DnsNumberKind::group, members)) + "." + domain;
  }
  return std::nullopt;
}

bool stemcell_changes(Stores& stores, const std::string& deployment, const Json& manifest) {
  const auto uploaded = stores.stemcells.all();
  std::set<std::pair<std::string, std::string>> wanted;
  for (const auto& wish : list_in(manifest, "stemcells")) {
    const StemcellRecord* best = nullptr;
    for (const auto& stemcell : uploaded) {
      if (!answers(wish, stemcell)) continue;
      if (best == nullptr || releases::is_older(best->version, stemcell.version)) best = &stemcell;
    }
    if (best != nullptr) wanted.emplace(best->name, best->version);
  }
  const auto vms = stores.vms.of_deployment(deployment);
  return std::any_of(vms.begin(), vms.end(), [&](const VmRecord& vm) {
    return vm.active && !wanted.contains({vm.stemcell.name, vm.stemcell.version});
  });
}

}  // namespace slipway::director
