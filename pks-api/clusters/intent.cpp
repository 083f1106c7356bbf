#include "pks-api/clusters/intent.hpp"

#include "base/digest.hpp"
#include "pks-api/clusters/settings.hpp"
#include "pks-api/clusters/sinks.hpp"
#include "pks-api/plans/versions.hpp"

namespace slipway::pks {

namespace {

Json external_properties(const ExternalOidc& external) {
  Json properties = {{"issuer_url", external.issuer_url},
                     {"client_id", external.cluster_client},
                     {"username_claim", external.user_claim},
                     {"username_prefix", external_cluster_prefix},
                     {"groups_claim", external.groups_claim},
                     {"groups_prefix", external_cluster_prefix}};
  if (!external.ca_pem.empty()) properties["ca"] = external.ca_pem;
  return properties;
}

Json oidc_properties(const OidcSettings& oidc) {
  Json properties = Json::object();
  if (!oidc.issuer_url.empty())
    properties = {{"issuer_url", oidc.issuer_url}, {"client_id", cluster_client}, {"ca", oidc.ca_pem}};
  if (!oidc.external.cluster_client.empty()) properties["external"] = external_properties(oidc.external);
  return properties;
}

Blanks blanks_of(const ClusterRecord& cluster, const Plan& plan, const OidcSettings& oidc) {
  auto blanks = setting_blanks(cluster, plan);
  blanks["deployment"] = deployment_of(cluster);
  blanks["external_hostname"] = cluster.hostname;
  blanks["cluster_name"] = cluster.name;
  blanks["oidc"] = oidc_properties(oidc);
  return blanks;
}

// The director puts a manifest's tags on all it makes for it.
void add_tags(Json& manifest, const ClusterRecord& cluster) {
  for (const auto& tag : cluster.parameters.value("cluster_tags", Json::array())) {
    manifest["tags"][tag.at("name").get<std::string>()] = tag.at("value");
  }
}

// CAs stay: what they have signed would not be believed any more.
void renew_leaf_certificates(Json& manifest) {
  for (const auto& certificate : certificates_of(manifest)) {
    if (!certificate.is_ca) manifest["variables"][certificate.index]["update_mode"] = "overwrite";
  }
}

}  // namespace

std::vector<ManifestCertificate> certificates_of(const Json& manifest) {
  std::vector<ManifestCertificate> certificates;
  const auto variables = manifest.value("variables", Json::array());
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].value("type", std::string()) != "certificate") continue;
    const auto options = variables[i].value("options", Json::object());
    certificates.push_back({variables[i].value("name", std::string()), options.value("is_ca", Json()) == Json(true), i});
  }
  return certificates;
}

std::string digest_of_issuers(const OidcSettings& oidc) { return sha256_hex(dump(oidc_properties(oidc))); }

std::string deployment_of(const ClusterRecord& cluster) { return "service-instance-" + cluster.uuid; }

std::shared_ptr<const Plan> plan_of(const ClusterRecord& cluster, const PlanCatalog& plans) {
  if (!cluster.plan_document.empty()) return plans.kept(cluster.plan_document);
  const auto offered = plans.find(cluster.plan);  // made before plans were kept
  return offered ? std::make_shared<const Plan>(*offered) : nullptr;
}

std::string kubernetes_version_of(const ClusterRecord& cluster, const Plan& plan) {
  if (!plan.is_kubernetes() || !plan.kubernetes_version.empty()) return plan.kubernetes_version;
  const auto releases = cluster.versions.value("releases", Json::object());
  if (releases.contains("kubernetes")) return releases.at("kubernetes").get<std::string>();
  for (const auto& release : plan.manifest.value("releases", Json::array())) {
    const auto version = release.value("version", std::string());
    if (release.value("name", std::string()) == "kubernetes" && version.find("latest") == std::string::npos)
      return version;
  }
  return "";
}

Json manifest_of(const ClusterRecord& cluster, const Intents& intents) {
  const auto plan = plan_of(cluster, intents.plans);
  if (!plan)
    throw Error(Fault::invalid, "plan '" + cluster.plan + "' is not understood by this version of pks-api");
  auto blanks = blanks_of(cluster, *plan, intents.oidc);
  blanks.merge(intents.profiles.blanks(cluster, *plan));
  auto manifest = manifest_for(*plan, blanks, cluster.nodes);
  place_sinks(manifest, sinks_of(cluster));
  intents.profiles.place(manifest, cluster, *plan);
  apply_versions(manifest, cluster.versions);
  add_tags(manifest, cluster);
  if (!cluster.rotation.empty() && cluster.rotation == cluster.operation) renew_leaf_certificates(manifest);
  return manifest;
}

}  // namespace slipway::pks
