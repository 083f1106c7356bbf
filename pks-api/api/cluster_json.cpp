#include "pks-api/api/routes.hpp"

namespace slipway::pks {

Json plan_json(const Plan& plan) {
  return {{"id", plan.id},
          {"name", plan.name},
          {"description", plan.description},
          {"kind", plan.kind},
          {"worker_instances", plan.default_nodes},
          {"min_worker_instances", plan.min_nodes},
          {"max_worker_instances", plan.max_nodes},
          {"master_instances", plan.control_plane_instances},
          {"kubernetes_version", kubernetes_version_of({}, plan)},
          {"allow-privileged-containers", false}};
}

namespace {

// That the plan has changed since; what else an upgrade would bring only the director knows.
Json upgrades_of(const ClusterRecord& cluster, const PlanCatalog& plans) {
  const auto offered = plans.find(cluster.plan);
  if (!offered || cluster.plan_document.empty() || offered->document == cluster.plan_document)
    return Json::array();
  auto component = Json{{"component", "plan"}, {"version", ""}};
  const auto version = kubernetes_version_of({}, *offered);
  if (!version.empty()) component = {{"component", "kubernetes"}, {"version", version}};
  return Json::array({component});
}

// A director that does not answer keeps nobody from seeing the rest.
void add_repairs(Json& json, const DirectorClient& director, const std::string& deployment) {
  constexpr std::size_t most = 10;
  json["repairs"] = Json::array();
  try {
    for (const auto& repair : director.repairs(deployment, most))
      json["repairs"].push_back({{"at", to_rfc3339(repair.at)},
                                 {"action", repair.action},
                                 {"instance", repair.instance},
                                 {"reason", repair.reason},
                                 {"error", repair.error}});
  } catch (const Error& error) {
    json["repairs_unknown"] = error.what();
  }
}

}  // namespace

Json cluster_json(const ClusterRecord& cluster, const PlanCatalog& plans) {
  const auto plan = plan_of(cluster, plans);
  auto parameters = cluster.parameters;
  parameters["kubernetes_master_host"] = cluster.hostname;
  parameters["kubernetes_master_port"] = plan ? plan->port : 8443;
  parameters["kubernetes_worker_instances"] = cluster.nodes;
  return {
      {"name", cluster.name},
      {"plan_name", cluster.plan},
      {"kind", plan ? plan->kind : ""},
      {"uuid", cluster.uuid},
      {"last_action", cluster.last_action},
      {"last_action_state", cluster.state},
      {"last_action_description", cluster.description},
      {"kubernetes_master_ips", cluster.ips.empty() ? std::vector<std::string>{"In Progress"} : cluster.ips},
      {"network_profile_name", cluster.profiles.value("network_profile_name", "")},
      {"compute_profile_name", cluster.profiles.value("compute_profile_name", "")},
      {"kubernetes_profile_name", cluster.profiles.value("kubernetes_profile_name", "")},
      {"k8s_version", plan ? kubernetes_version_of(cluster, *plan) : std::string()},
      {"pks_version", product_version},
      {"available_upgrades", upgrades_of(cluster, plans)},
      {"parameters", parameters}};
}

Json cluster_details_json(const ClusterRecord& cluster, const PlanCatalog& plans, Clock& clock,
                          const DirectorClient& director) {
  const auto plan = plan_of(cluster, plans);
  auto json = cluster_json(cluster, plans);
  json["owner"] = cluster.owner;
  json["deployment"] = deployment_of(cluster);
  json["director_task"] = cluster.task;
  json["last_action_started_at"] = to_rfc3339(cluster.started_at);
  json["last_action_age_seconds"] =
      std::max<std::int64_t>(0, to_epoch_seconds(clock.now()) - to_epoch_seconds(cluster.started_at));
  json["failure"] = cluster.failure;
  json["versions"] = cluster.versions;
  add_repairs(json, director, deployment_of(cluster));
  if (plan) {
    json["plan"] = plan_json(*plan);
    json["parameters"]["kubernetes_setting_plan_details"] = effective_drain({}, *plan);
  }
  return json;
}

}  // namespace slipway::pks
