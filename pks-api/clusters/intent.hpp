#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pks-api/identity/identity.hpp"
#include "pks-api/plans/catalog.hpp"
#include "pks-api/profiles/profiles.hpp"
#include "pks-api/store/store.hpp"

namespace slipway::pks {

std::string deployment_of(const ClusterRecord& cluster);  // "service-instance-UUID"

// The plan a cluster is kept by, whatever the operator has made of it since. Null when this program does not
// understand it any more.
std::shared_ptr<const Plan> plan_of(const ClusterRecord& cluster, const PlanCatalog& plans);

// As far as it is known: of the plan, or of its release.
std::string kubernetes_version_of(const ClusterRecord& cluster, const Plan& plan);

// What clusters are told of where users come from: the same digest as long as it is the same.
std::string digest_of_issuers(const OidcSettings& oidc);

// A certificate variable that a manifest, or a plan's, defines.
struct ManifestCertificate {
  std::string name;
  bool is_ca = false;
  std::size_t index = 0;  // among its variables
};
std::vector<ManifestCertificate> certificates_of(const Json& manifest);

// What records become manifests by. What it refers to outlives it.
struct Intents {
  const PlanCatalog& plans;
  const OidcSettings& oidc;
  Profiles& profiles;
};

// The manifest that fulfils what the store says of a cluster, with "latest" where nothing is resolved yet.
// Fault::invalid when its plan is not understood, or a profile of it is not there.
Json manifest_of(const ClusterRecord& cluster, const Intents& intents);

}  // namespace slipway::pks
