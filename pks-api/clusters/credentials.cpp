// How clusters are used once they run: what the director knows of them, put together for their clients.
#include "pks-api/clusters/clusters.hpp"
#include "pks-api/identity/external_issuer.hpp"

namespace slipway::pks {

namespace {

std::string required_text(const Json& variable, const char* key) {
  const auto value = variable.is_object() ? variable.find(key) : variable.end();
  if (variable.is_object() && value != variable.end() && value->is_string()) return value->get<std::string>();
  throw Error(Fault::internal, std::string("a certificate of the director has no '") + key + "'");
}

// In the place of a user's name: whoever asks. No user can be called that.
constexpr const char* oneself = "~";

std::string name_in_clusters(const Caller& external) {
  return external_cluster_prefix + external.name.substr(std::string_view(external_prefix).size());
}

}  // namespace

void Clusters::require_usable(const ClusterRecord& cluster) const {
  const bool exists =
      cluster.last_action != "DELETE" && (cluster.last_action != "CREATE" || cluster.state == succeeded);
  if (exists) return;
  throw Error(Fault::conflict, "Cluster " + cluster.name + " has no credentials and certificates: its last action is " +
                                   cluster.last_action + ", " + cluster.state);
}

Json Clusters::certificate_variable(const ClusterRecord& cluster, const std::string& variable) const {
  const auto full_name = "/" + director_.name() + "/" + deployment_of(cluster) + "/" + variable;
  auto value = director_.variable(full_name);
  if (!value) throw Error(Fault::internal, "the director has no variable '" + full_name + "'");
  return std::move(*value);
}

std::vector<DirectorInstance> Clusters::instances_of(const ClusterRecord& cluster,
                                                     const std::string& group) const {
  auto instances = director_.instances(deployment_of(cluster));
  std::erase_if(instances, [&](const auto& instance) { return instance.group != group; });
  return instances;
}

KubernetesEndpoint Clusters::endpoint_of(const ClusterRecord& cluster, const Plan& plan) const {
  const auto instances = instances_of(cluster, plan.address_group);
  const bool addressed = !instances.empty() && !instances.front().ips.empty();
  return {cluster.name,
          fill_blanks(plan.endpoint, {{"external_hostname", cluster.hostname},
                                      {"deployment", deployment_of(cluster)},
                                      {"ip", addressed ? instances.front().ips.front() : std::string()}}),
          required_text(certificate_variable(cluster, plan.server_ca), "ca"),
          plan.endpoint_has_address() ? cluster.hostname : std::string()};
}

Json Clusters::credentials(const Caller& caller, const std::string& name) {
  const auto cluster = changeable(caller, name);
  require_usable(cluster);
  const auto plan = plan_of(cluster, plans_);
  if (!plan) throw Error(Fault::conflict, "Cluster " + name + ": its plan is not understood any more");
  const auto client = certificate_variable(cluster, plan->credentials);
  if (plan->is_kubernetes()) {
    return admin_kubeconfig(endpoint_of(cluster, *plan), name + "-admin", required_text(client, "certificate"),
                            Secret(required_text(client, "private_key")));
  }
  Json endpoints = Json::array();
  for (const auto& instance : instances_of(cluster, plan->instance_group)) {
    endpoints.push_back(
        fill_blanks(plan->endpoint, {{"instance", instance.id},
                                     {"deployment", deployment_of(cluster)},
                                     {"ip", instance.ips.empty() ? std::string() : instance.ips.front()}}));
  }
  return {{"kind", plan->kind},
          {"endpoints", endpoints},
          {"ca", required_text(client, "ca")},
          {"certificate", required_text(client, "certificate")},
          {"private_key", required_text(client, "private_key")}};
}

Json Clusters::user_kubeconfig(const Caller& caller, const std::string& name, const std::string& user) {
  if (!caller.is_user || (user != oneself && user != caller.name)) {
    throw Error(Fault::forbidden, "a kubeconfig is given to its own user only, and '" + user.substr(0, 80) +
                                      "' is not who sent the request");
  }
  const auto cluster = store_.find(name);
  const auto plan = cluster ? plan_of(*cluster, plans_) : nullptr;
  if (!plan) no_such_cluster(name);
  if (!plan->is_kubernetes())
    throw Error(Fault::conflict,
                "Cluster " + name + " is of kind " + plan->kind + ", which has no kubeconfig");
  const auto& external = oidc_.external;
  if (caller.is_external ? external.cluster_client.empty() : oidc_.issuer_url.empty()) {
    throw Error(Fault::conflict, std::string("users cannot log in to clusters here: the operator has set no ") +
                                     (caller.is_external ? "external_issuer.cluster_client" : "oidc.issuer_url"));
  }
  require_usable(*cluster);
  const auto endpoint = endpoint_of(*cluster, *plan);
  if (caller.is_external)
    return exec_kubeconfig(endpoint, name_in_clusters(caller), external.issuer_url, external.cluster_client);
  return oidc_kubeconfig(endpoint, caller.name, oidc_.issuer_url, cluster_client, oidc_.ca_pem);
}

}  // namespace slipway::pks
