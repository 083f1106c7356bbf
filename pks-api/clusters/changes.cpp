// Orders that change a cluster: updates, upgrades and the way back from one.
#include "pks-api/clusters/clusters.hpp"
#include "pks-api/clusters/sinks.hpp"
#include "pks-api/plans/versions.hpp"

namespace slipway::pks {

namespace {

constexpr std::size_t max_places = 50;

// Places, not values: what an operator wrote into a plan is not the tenant's to read.
void collect_places(const Json& before, const Json& after, const std::string& place,
                    std::vector<std::string>& places) {
  if (before == after || places.size() >= max_places) return;
  if (before.is_object() && after.is_object()) {
    for (const auto& [key, value] : before.items()) {
      collect_places(value, after.value(key, Json()), place.empty() ? key : place + "." + key, places);
    }
    for (const auto& [key, value] : after.items()) {
      if (!before.contains(key)) places.push_back(place.empty() ? key : place + "." + key);
    }
  } else if (before.is_array() && after.is_array() && before.size() == after.size()) {
    for (std::size_t i = 0; i < before.size(); ++i) {
      collect_places(before[i], after[i], place + "[" + std::to_string(i) + "]", places);
    }
  } else {
    places.push_back(place);
  }
}

void compare_versions(const Json& before, const Json& after, const char* list, const std::string& word,
                      std::vector<Change>& changes) {
  const auto old = before.value(list, Json::object());
  const auto now = after.value(list, Json::object());
  for (const auto& [name, version] : now.items()) {
    if (old.value(name, Json()) != version)
      changes.push_back({word + " " + name, old.value(name, Json("")), version});
  }
}

Json releases_of(const Json& manifest) {
  Json releases = Json::object();
  for (const auto& release : manifest.value("releases", Json::array())) releases[release.value("name", "")] = release;
  return releases;
}

void check_skew(const ClusterRecord& cluster, const std::string& from, const std::string& to) {
  const auto old = minor_of(from), wanted = minor_of(to);
  if (old < 0 || wanted < 0 || wanted == old || wanted == old + 1) return;
  throw Error(Fault::invalid, "Cluster " + cluster.name + " runs Kubernetes " + from +
                                  " and its plan now brings " + to +
                                  ": an upgrade goes to the same minor version or the next one");
}

// The plan on offer may have been taught what the cluster's own has not.
void require_place_for_sinks(const ClusterRecord& cluster, const Plan& plan, const PlanCatalog& plans) {
  const auto offered = plans.find(cluster.plan);
  if (takes_sinks(plan) || !offered || !takes_sinks(*offered)) return;
  throw Error(Fault::conflict, "Cluster " + cluster.name + " was made by plan '" + cluster.plan +
                                   "' when that had no use for sinks; upgrade the cluster first");
}

}  // namespace

void require_idle(const ClusterRecord& cluster) {
  if (cluster.state == in_progress) {
    throw Error(Fault::conflict, "Cluster " + cluster.name + ": " + cluster.last_action +
                                     " is in progress, try again when it has ended");
  }
  if (cluster.last_action == "CREATE" && cluster.state == failed) {
    throw Error(Fault::conflict,
                "Cluster " + cluster.name + " was not created; create it again or delete it");
  }
  if (cluster.last_action == "DELETE") {
    throw Error(Fault::conflict, "Cluster " + cluster.name + " is half deleted; delete it again");
  }
}

std::shared_ptr<const Plan> require_plan(const ClusterRecord& cluster, const PlanCatalog& plans) {
  auto plan = plan_of(cluster, plans);
  if (!plan) throw Error(Fault::conflict, "plan '" + cluster.plan + "' is not understood any more");
  return plan;
}

ClusterRecord Clusters::updated(const ClusterRecord& cluster, const Json& request) const {
  require_idle(cluster);
  const auto plan = require_plan(cluster, plans_);
  auto wanted = cluster;
  wanted.plan_document = plan->document;  // one made before plans were kept has none yet
  if (request.contains("sinks")) require_place_for_sinks(cluster, *plan, plans_);
  apply_update(wanted, request, *plan);
  plan->check_nodes(wanted.nodes);
  intents_.profiles.check(wanted, *plan);
  intents_.profiles.check_change(cluster, *plan, wanted, *plan);
  return wanted;
}

// Settings may bring a release in, or leave one out: the others keep their versions.
Json Clusters::versions_after(const ClusterRecord& before, const ClusterRecord& after) const {
  if (before.versions.empty()) return before.versions;  // all of them are looked up when it is submitted
  auto versions = before.versions;
  const auto old = releases_of(manifest_of(before, intents_)), now = releases_of(manifest_of(after, intents_));
  for (const auto& [name, release] : old.items()) {
    if (!now.contains(name)) versions["releases"].erase(name);
  }
  Json brought = Json::array();
  for (const auto& [name, release] : now.items()) {
    if (!old.contains(name) && !versions["releases"].contains(name)) brought.push_back(release);
  }
  if (brought.empty()) return versions;
  const auto found = resolve_versions({{"releases", brought}}, director_.releases(), Json::array());
  versions["releases"].update(found.at("releases"));
  return versions;
}

Preview Clusters::preview_update(const Caller& caller, const std::string& name, const Json& request) {
  return preview_of(changeable(caller, name), request);
}

Preview Clusters::preview_of(const ClusterRecord& cluster, const Json& request) const {
  const auto wanted = updated(cluster, request);
  versions_after(cluster, wanted);  // for what is wrong with them
  Preview preview{changes_between(cluster, wanted), {}};
  if (const auto fewer = cluster.nodes - wanted.nodes; fewer > 0) {
    preview.warnings.push_back(std::to_string(fewer) + (fewer == 1 ? " node is" : " nodes are") +
                               " drained and deleted with what is on their disks");
  }
  return preview;
}

ClusterRecord Clusters::update(const Caller& caller, const std::string& name, const Json& request) {
  return order_update(caller, changeable(caller, name), request);
}

Json Clusters::sinks(const Caller& caller, const std::string& name) { return sinks_of(get(caller, name)); }

ClusterRecord Clusters::add_sink(const Caller& caller, const std::string& name, const Json& request) {
  const auto before = changeable(caller, name);
  return order_update(caller, before, update_with_sink(before, request));
}

Preview Clusters::preview_add_sink(const Caller& caller, const std::string& name, const Json& request) {
  const auto cluster = changeable(caller, name);
  return preview_of(cluster, update_with_sink(cluster, request));
}

ClusterRecord Clusters::remove_sink(const Caller& caller, const std::string& name, const std::string& sink) {
  const auto before = changeable(caller, name);
  return order_update(caller, before, update_without_sink(before, sink));
}

Preview Clusters::preview_remove_sink(const Caller& caller, const std::string& name, const std::string& sink) {
  const auto cluster = changeable(caller, name);
  return preview_of(cluster, update_without_sink(cluster, sink));
}

// `request` may have been made of `before`: when that is not the last state any more, nothing is begun.
ClusterRecord Clusters::order_update(const Caller& caller, const ClusterRecord& before, const Json& request) {
  const auto versions = versions_after(before, updated(before, request));  // may ask the director: before the lock
  const std::lock_guard lock(orders_);
  auto cluster = updated(before, request);
  cluster.versions = versions;
  quotas_.check(caller, {cluster});
  cluster.superseded.clear();
  begin(cluster, "UPDATE", "Instance update in progress");
  start(cluster, before.operation);
  return cluster;
}

Clusters::Upgrade Clusters::upgrade_of(const ClusterRecord& cluster) const {
  const auto current = require_plan(cluster, plans_);
  const auto offered = plans_.find(cluster.plan);
  if (!offered)
    throw Error(Fault::conflict,
                "plan '" + cluster.plan + "' is not offered any more: there is nothing to upgrade to");
  if (offered->kind != current->kind ||
      offered->control_plane_instances != current->control_plane_instances) {
    throw Error(Fault::conflict, "plan '" + cluster.plan +
                                     "' has another kind or number of control planes now, which "
                                     "clusters cannot be changed to");
  }
  if (!sinks_of(cluster).empty() && !takes_sinks(*offered)) {
    throw Error(Fault::conflict, "plan '" + cluster.plan + "' has no use for sinks any more, and cluster " + cluster.name +
                                     " has some; delete them first");
  }
  Upgrade upgrade{cluster, {}};
  auto& target = upgrade.target;
  target.plan_document = offered->document;
  target.versions = Json::object();
  target.versions =
      resolve_versions(manifest_of(target, intents_), director_.releases(), director_.stemcells());
  offered->check_nodes(target.nodes);
  intents_.profiles.check(target, *offered);
  intents_.profiles.check_change(cluster, *current, target, *offered);
  const auto from = kubernetes_version_of(cluster, *current), to = kubernetes_version_of(target, *offered);
  check_skew(cluster, from, to);

  auto& changes = upgrade.preview.changes;
  if (from != to) changes.push_back({"kubernetes", from, to});
  compare_versions(cluster.versions, target.versions, "releases", "release", changes);
  compare_versions(cluster.versions, target.versions, "stemcells", "stemcell", changes);
  std::vector<std::string> places;
  collect_places(current->manifest, offered->manifest, "", places);
  for (const auto& place : places) changes.push_back({"plan", "", place});
  // What the plan says of it is a blank, and what fills the blank is the configuration's.
  if (offered->has_blank("oidc") && !cluster.issuers.empty() && cluster.issuers != digest_of_issuers(oidc_))
    changes.push_back({"plan", "", "((oidc))"});
  if (!changes.empty())
    upgrade.preview.warnings.push_back("nodes are drained and updated or recreated one after the other");
  if (minor_of(from) != minor_of(to)) {
    upgrade.preview.warnings.push_back(
        "Kubernetes does not go back to an earlier minor version: this cannot be rolled back");
  }
  return upgrade;
}

Preview Clusters::preview_upgrade(const Caller& caller, const std::string& name) {
  const auto cluster = changeable(caller, name);
  require_idle(cluster);
  return upgrade_of(cluster).preview;
}

ClusterRecord Clusters::upgrade(const Caller& caller, const std::string& name) {
  const auto before = changeable(caller, name);
  require_idle(before);
  auto [cluster, preview] = upgrade_of(before);
  // One that failed half-way is as new on paper, and not on its nodes.
  if (preview.changes.empty() && before.state == succeeded)
    throw Error(Fault::conflict, "Cluster " + name + " is up to date");
  cluster.superseded.clear();
  const std::lock_guard lock(orders_);
  quotas_.check(caller, {cluster});
  begin(cluster, "UPGRADE", "Instance upgrade in progress");
  start(cluster, before.operation);
  return cluster;
}

void Clusters::check_upgrade_quota(const Caller& caller, std::vector<ClusterRecord> clusters) {
  for (auto& cluster : clusters) {
    if (const auto offered = plans_.find(cluster.plan)) cluster.plan_document = offered->document;
  }
  const std::lock_guard lock(orders_);
  quotas_.check(caller, clusters);
}

bool Clusters::upgrade_as(const std::string& uuid, const std::string& operation, const std::string& resumes) {
  const auto before = store_.find_by_uuid(uuid);
  if (!before) throw Error(Fault::not_found, "the cluster was deleted");
  if (before->operation == operation) return true;
  require_idle(*before);
  auto cluster = *before;
  if (resumes.empty() || before->operation != resumes) {
    const auto upgrade = upgrade_of(*before);
    if (upgrade.preview.changes.empty() && before->state == succeeded) return false;
    cluster = upgrade.target;
  }
  cluster.superseded.clear();
  begin(cluster, "UPGRADE", "Instance upgrade in progress");
  cluster.operation = operation;
  start(cluster, before->operation);
  return true;
}

ClusterRecord Clusters::roll_back(const Caller& caller, const std::string& name) {
  const auto before = changeable(caller, name);
  require_idle(before);
  if (before.last_action != "UPGRADE" || before.state != failed || before.last_good.is_null()) {
    throw Error(Fault::conflict, "Cluster " + name + " has no failed upgrade to go back from");
  }
  auto cluster = before;
  restore(cluster, before.last_good);
  const auto from = require_plan(before, plans_), to = require_plan(cluster, plans_);
  const auto version = kubernetes_version_of(before, *from), earlier = kubernetes_version_of(cluster, *to);
  if (minor_of(version) != minor_of(earlier)) {
    throw Error(Fault::conflict, "Cluster " + name + " may run parts of Kubernetes " + version +
                                     " already, from which there is no way back to " + earlier +
                                     "; upgrade it again");
  }
  cluster.superseded.clear();
  begin(cluster, "UPGRADE", "Returning to the last good state");
  start(cluster, before.operation);
  return cluster;
}

}  // namespace slipway::pks
