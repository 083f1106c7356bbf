#include "pks-api/profiles/profiles.hpp"

#include <algorithm>
#include <regex>

#include "base/json_text.hpp"
#include "pks-api/plans/networks.hpp"

namespace slipway::pks {

namespace {

std::string field_of(const std::string& kind) { return kind + "_profile_name"; }

void require_may_make(const Caller& caller, const std::string& kind) {
  if (caller.has(scope_admin) || (kind == kubernetes_profile && caller.has(scope_manage))) return;
  throw Error(Fault::forbidden, "making a " + kind + " profile needs scope pks.clusters.admin" +
                                    (kind == kubernetes_profile ? " or pks.clusters.manage" : ""));
}

std::string component_blank(const std::string& component) { return "kubernetes_profile." + component; }

// What is validated goes before what is not.
Json arguments_of(const Json& profile, const std::string& component) {
  Json arguments = Json::object();
  if (!profile.is_object()) return arguments;
  for (const auto* list : {"experimental_customizations", "customizations"}) {
    for (const auto& entry : profile.at(list)) {
      if (entry.at("component") == component) arguments.update(entry.at("arguments"));
    }
  }
  return arguments;
}

bool takes_network_setting(const Plan& plan, const std::string& setting) {
  const auto all = network_blanks();
  return std::any_of(all.begin(), all.end(), [&](const NetworkBlank& one) {
    return one.setting == setting && plan.has_blank(one.blank);
  });
}

Error refused(const std::string& kind, const std::string& why) {
  return Error(Fault::invalid, field_of(kind) + ": " + why);
}

void set_zones(Json& manifest, const std::string& group, const Json& zones) {
  if (zones.is_null()) return;
  for (auto& one : manifest["instance_groups"]) {
    if (one.value("name", Json()) == Json(group)) one["azs"] = zones;
  }
}

}  // namespace

ProfileRecord Profiles::get(const std::string& kind, const std::string& name) {
  auto profile = store_.find(kind, name);
  if (!profile) throw Error(Fault::not_found, kind + " profile " + name.substr(0, 128) + " not found");
  return std::move(*profile);
}

ProfileRecord Profiles::create(const Caller& caller, const std::string& kind, const Json& request) {
  require_may_make(caller, kind);
  Problems problems;
  JsonReader in(request, "", problems);
  ProfileRecord profile;
  profile.kind = kind;
  profile.name = in.string("name");
  profile.description = in.string_or("description", "");
  profile.document = checked_profile(kind, in, problems);
  refuse_blanks(profile.document, "", problems);
  in.refuse_unknown();
  static const std::regex allowed("[A-Za-z0-9][A-Za-z0-9._-]*");
  if (profile.name.size() > 200 || !std::regex_match(profile.name, allowed)) {
    problems.add("name", "has to have 1 to 200 letters, digits, dots, dashes and underscores");
  }
  if (profile.description.size() > 4000) problems.add("description", "has more than 4000 bytes");
  problems.throw_if_any(kind + " profile");
  profile.uuid = random_.uuid();
  profile.owner = caller.name;
  profile.created_at = to_epoch_seconds(clock_.now());
  try {
    store_.insert(profile);
  } catch (const Error& error) {
    if (error.fault() != Fault::conflict) throw;
    throw Error(Fault::conflict, kind + " profile " + profile.name + " already exists");
  }
  return profile;
}

void Profiles::remove(const Caller& caller, const std::string& kind, const std::string& name) {
  require_may_make(caller, kind);
  const std::lock_guard lock(orders_);
  const auto profile = get(kind, name);
  if (!caller.has(scope_admin) && profile.owner != caller.name) {
    throw Error(Fault::forbidden, kind + " profile " + name + " belongs to somebody else");
  }
  std::string users;
  for (const auto& cluster : clusters_.all()) {
    const bool kept = cluster.last_good.is_object() &&
                      cluster.last_good.value("profiles", Json::object()).value(field_of(kind), "") == name;
    if (!kept && cluster.profiles.value(field_of(kind), "") != name) continue;
    // Whose clusters they are is not for everybody to know.
    users = caller.reads_all() ? users + (users.empty() ? "" : ", ") + cluster.name : "clusters";
  }
  if (!users.empty()) throw Error(Fault::conflict, kind + " profile " + name + " is in use by " + users);
  store_.remove(kind, name);
}

Json Profiles::document(const ClusterRecord& cluster, const std::string& kind) {
  const auto name = cluster.profiles.value(field_of(kind), std::string());
  if (name.empty()) return nullptr;
  const auto profile = store_.find(kind, name);
  if (!profile) throw Error(Fault::invalid, kind + " profile '" + name.substr(0, 80) + "' does not exist");
  return profile->document;
}

Json Profiles::networks(const ClusterRecord& cluster, const Plan& plan) {
  auto networks = plan.networks;
  const auto profile = document(cluster, network_profile);
  if (profile.is_object()) networks.update(profile);
  return networks;
}

void Profiles::check_networks(const ClusterRecord& cluster, const Plan& plan) {
  const auto profile = document(cluster, network_profile);
  if (profile.is_object()) {
    for (const auto& [setting, value] : profile.items()) {
      if (!takes_network_setting(plan, setting))
        throw refused(network_profile, "plan '" + plan.name + "' has no use for " + setting);
    }
  }
  const auto wanted = networks(cluster, plan);
  const auto text = [&](const char* setting) { return text_or_empty(wanted, setting); };
  if (networks_overlap(wanted)) {
    throw refused(network_profile, "service_network " + text("service_network") + " and pod_network " +
                                       text("pod_network") + " overlap; plan '" + plan.name +
                                       "' has what the profile does not say");
  }
  // One more than there are, since a node is made before it takes another's place.
  const auto pods = text("pod_network");
  if (!pods.empty() && cluster.nodes >= most_nodes_in(pods)) {
    throw Error(Fault::invalid, "pod_network " + pods + " has room for " + std::to_string(most_nodes_in(pods)) +
                                    " nodes with 256 addresses each; allowed are fewer than that, so that one can "
                                    "be replaced, and cluster " +
                                    cluster.name + " would have " + std::to_string(cluster.nodes));
  }
}

void Profiles::check(const ClusterRecord& cluster, const Plan& plan) {
  check_networks(cluster, plan);
  const auto kubernetes = document(cluster, kubernetes_profile);
  for (const auto* component : kubernetes_components) {
    if (arguments_of(kubernetes, component).empty() || plan.has_blank(component_blank(component))) continue;
    throw refused(kubernetes_profile, "plan '" + plan.name + "' takes no arguments for " + component);
  }
  const auto compute = document(cluster, compute_profile);
  if (compute.is_object() && compute.contains("master_azs") && !plan.is_kubernetes())
    throw refused(compute_profile, "plan '" + plan.name + "' has no use for master_azs");
}

void Profiles::check_change(const ClusterRecord& before, const Plan& plan_before, const ClusterRecord& after,
                            const Plan& plan_after) {
  const auto from = networks(before, plan_before), to = networks(after, plan_after);
  for (const auto* setting : fixed_network_settings) {
    // A plan that says nothing leaves them to its release, as all plans once did.
    if (!from.contains(setting) && plan_after.networks.value(setting, Json()) == to.value(setting, Json())) continue;
    const auto shown = [&](const Json& networks) { return networks.value(setting, std::string("the release's")); };
    if (shown(from) == shown(to)) continue;
    throw refused(network_profile, std::string(setting) + " of cluster " + before.name + " is " + shown(from) +
                                       " and would become " + shown(to) +
                                       ", which cannot be changed once a cluster is made; allowed is a profile or "
                                       "plan that differs in nameservers only");
  }
}

Blanks Profiles::blanks(const ClusterRecord& cluster, const Plan& plan) {
  Blanks blanks;
  auto wanted = networks(cluster, plan);
  wanted.emplace("nameservers", Json::array());  // unless there are some
  for (const auto& one : network_blanks()) {
    if (wanted.contains(one.setting)) blanks[one.blank] = one.value(wanted.at(one.setting));
  }
  for (const auto* component : kubernetes_components) {
    blanks[component_blank(component)] = arguments_of(document(cluster, kubernetes_profile), component);
  }
  return blanks;
}

void Profiles::place(Json& manifest, const ClusterRecord& cluster, const Plan& plan) {
  const auto compute = document(cluster, compute_profile);
  if (!compute.is_object()) return;
  set_zones(manifest, plan.instance_group, compute.value("worker_azs", Json()));
  if (plan.is_kubernetes())
    set_zones(manifest, plan.control_plane_group, compute.value("master_azs", Json()));
}

}  // namespace slipway::pks
