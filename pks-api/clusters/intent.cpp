#include "pks-api/clusters/intent.hpp"

namespace slipway::pks {

namespace {

Blanks blanks_of(const ClusterRecord& cluster, const OidcSettings& oidc) {
  return {{"deployment", deployment_of(cluster)},
          {"external_hostname", cluster.hostname},
          {"cluster_name", cluster.name},
          {"oidc_issuer_url", oidc.issuer_url},
          {"oidc_client_id", cluster_client},
          {"oidc_ca", oidc.ca_pem}};
}

}  // namespace

std::string deployment_of(const ClusterRecord& cluster) { return "service-instance-" + cluster.uuid; }

std::shared_ptr<const Plan> plan_of(const ClusterRecord& cluster, const PlanCatalog& plans) {
  if (!cluster.plan_document.empty()) return plans.kept(cluster.plan_document);
  const auto offered = plans.find(cluster.plan);  // made before plans were kept
  return offered ? std::make_shared<const Plan>(*offered) : nullptr;
}

Json manifest_of(const ClusterRecord& cluster, const PlanCatalog& plans, const OidcSettings& oidc) {
  const auto plan = plan_of(cluster, plans);
  if (!plan) throw Error(Fault::invalid, "plan '" + cluster.plan + "' is not understood by this version of pks-api");
  return manifest_for(*plan, blanks_of(cluster, oidc), cluster.nodes);
}

}  // namespace slipway::pks
