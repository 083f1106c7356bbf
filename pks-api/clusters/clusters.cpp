#include "pks-api/clusters/clusters.hpp"

#include <algorithm>
#include <regex>

namespace slipway::pks {

namespace {

bool may_see(const Caller& caller, const ClusterRecord& cluster) {
  return caller.reads_all() || (caller.has(scope_manage) && cluster.owner == caller.name);
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

void no_such_cluster(const std::string& name) {
  throw Error(Fault::not_found, "Cluster " + name.substr(0, 128) + " not found");
}

void check_cluster_name(const std::string& name) {
  static const std::regex allowed("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");
  if (name.size() <= 63 && std::regex_match(name, allowed)) return;
  throw Error(Fault::invalid,
              "name '" + name.substr(0, 80) +
                  "' is not allowed: 1 to 63 lower case letters, digits and dashes, no dash at "
                  "the ends");
}

void check_hostname(const std::string& hostname) {
  static const std::regex allowed(
      "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*");
  // 64 is what a certificate's common name takes.
  if (hostname.size() <= 64 && std::regex_match(hostname, allowed)) return;
  throw Error(Fault::invalid, "kubernetes_master_host '" + hostname.substr(0, 80) +
                                  "' is no host name or IPv4 address of at most 64 characters");
}

Clusters::Clusters(const Context& context)
    : store_(context.store),
      operations_(context.operations),
      director_(context.director),
      intents_(context.intents),
      plans_(context.intents.plans),
      oidc_(context.intents.oidc),
      quotas_(context.quotas),
      orders_(context.orders),
      clock_(context.clock),
      random_(context.random) {}

std::vector<ClusterRecord> Clusters::list(const Caller& caller) {
  auto clusters = store_.all();
  std::erase_if(clusters, [&](const auto& cluster) { return !may_see(caller, cluster); });
  return clusters;
}

ClusterRecord Clusters::get(const Caller& caller, const std::string& name) {
  auto cluster = store_.find(name);
  if (!cluster || !may_see(caller, *cluster)) no_such_cluster(name);
  return std::move(*cluster);
}

ClusterRecord Clusters::changeable(const Caller& caller, const std::string& name) {
  if (!caller.changes())
    throw Error(Fault::forbidden, "this needs scope pks.clusters.manage or pks.clusters.admin");
  auto cluster = get(caller, name);
  // A token with manage and admin.read sees everything, but changes only what it owns.
  if (!caller.has(scope_admin) && cluster.owner != caller.name) {
    throw Error(Fault::forbidden, "cluster " + name + " belongs to somebody else");
  }
  return cluster;
}

ClusterRecord Clusters::validated(const Caller& caller, const Json& request) const {
  Problems problems;
  JsonReader in(request, "", problems);
  ClusterRecord cluster;
  cluster.name = in.string("name");
  const auto plan_name = in.string("plan_name");
  const auto& given = in.object("parameters");
  for (const auto* profile : profile_fields) {
    if (const auto name = in.string_or(profile, ""); !name.empty()) cluster.profiles[profile] = name;
  }
  in.refuse_unknown();
  JsonReader parameters(given, "parameters", problems);
  cluster.hostname = lower_case(parameters.string("kubernetes_master_host"));
  const auto nodes = parameters.integer_or("kubernetes_worker_instances", 0, 0, 1'000'000);
  const auto nodes_field = parameters.find("kubernetes_worker_instances");
  problems.throw_if_any("cluster");
  check_cluster_name(cluster.name);
  check_hostname(cluster.hostname);
  const auto chosen = plans_.find(plan_name);
  if (!chosen) {
    throw Error(Fault::invalid,
                "plan '" + plan_name.substr(0, 80) + "' does not exist, available: " + plans_.names());
  }
  cluster.parameters = checked_parameters(given, *chosen, problems);
  problems.throw_if_any("cluster");
  cluster.plan = chosen->name;
  cluster.plan_document = chosen->document;
  cluster.nodes = nodes_field && !nodes_field->is_null() ? static_cast<int>(nodes) : chosen->default_nodes;
  chosen->check_nodes(cluster.nodes);
  intents_.profiles.check(cluster, *chosen);
  cluster.owner = caller.name;
  return cluster;
}

void Clusters::begin(ClusterRecord& cluster, const std::string& action, const std::string& description) {
  cluster.last_action = action;
  cluster.state = in_progress;
  cluster.description = description;
  cluster.operation = random_.uuid();
  cluster.task = 0;
  cluster.started_at = clock_.now();
  cluster.issuers = digest_of_issuers(oidc_);
}

void Clusters::start(const ClusterRecord& cluster, const std::string& previous) {
  if (!store_.begin(cluster, previous)) {
    throw Error(Fault::conflict, "Cluster " + cluster.name + " has just been changed by another request");
  }
  operations_.wake(cluster.uuid);
}

ClusterRecord Clusters::create(const Caller& caller, const Json& request) {
  if (!caller.changes())
    throw Error(Fault::forbidden, "creating needs scope pks.clusters.manage or pks.clusters.admin");
  const std::lock_guard lock(orders_);
  auto wanted = validated(caller, request);
  if (const auto before = store_.find(wanted.name)) return create_anew(caller, *before, std::move(wanted));
  if (store_.find_by_hostname(wanted.hostname)) {
    throw Error(Fault::conflict,
                "kubernetes_master_host " + wanted.hostname + " is in use by another cluster");
  }
  wanted.uuid = random_.uuid();
  quotas_.check(caller, {wanted});
  begin(wanted, "CREATE", "Creating cluster");
  try {
    store_.insert(wanted);
  } catch (const Error& error) {
    if (error.fault() != Fault::conflict) throw;
    throw Error(Fault::conflict, "Cluster " + wanted.name + " already exists, or its host name is in use");
  }
  operations_.wake(wanted.uuid);
  return wanted;
}

ClusterRecord Clusters::create_anew(const Caller& caller, const ClusterRecord& before, ClusterRecord wanted) {
  const bool retry = before.owner == wanted.owner && before.last_action == "CREATE" && before.state == failed;
  if (!retry) throw Error(Fault::conflict, "Cluster " + wanted.name + " already exists");
  const auto holder = store_.find_by_hostname(wanted.hostname);
  if (holder && holder->uuid != before.uuid) {
    throw Error(Fault::conflict,
                "kubernetes_master_host " + wanted.hostname + " is in use by another cluster");
  }
  wanted.uuid = before.uuid;
  wanted.ips = before.ips;
  quotas_.check(caller, {wanted});
  begin(wanted, "CREATE", "Creating cluster");
  start(wanted, before.operation);
  return wanted;
}

ClusterRecord Clusters::remove(const Caller& caller, const std::string& name) {
  auto cluster = changeable(caller, name);
  if (cluster.last_action == "DELETE" && cluster.state == in_progress) return cluster;
  const auto previous = cluster.operation;
  cluster.superseded = cluster.state == in_progress ? previous : "";
  begin(cluster, "DELETE", "Instance deletion in progress");
  start(cluster, previous);
  return cluster;
}

}  // namespace slipway::pks
