// A cluster's certificates: the director makes and keeps them, as variables of the manifest.
#include <algorithm>

#include "pks-api/clusters/clusters.hpp"

namespace slipway::pks {

std::vector<ClusterCertificate> Clusters::certificates(const Caller& caller, const std::string& name) {
  const auto cluster = get(caller, name);
  require_usable(cluster);
  const auto plan = require_plan(cluster, plans_);
  const auto prefix = "/" + director_.name() + "/" + deployment_of(cluster) + "/";
  const auto known = director_.certificates(deployment_of(cluster));
  std::vector<ClusterCertificate> certificates;
  for (const auto& defined : certificates_of(plan->manifest)) {
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const auto& one) { return one.variable == prefix + defined.name; });
    if (found == known.end()) continue;
    certificates.push_back({defined.name, defined.is_ca, found->expires, found->days_left});
  }
  // RFC 3339 in UTC sorts as time does.
  std::stable_sort(certificates.begin(), certificates.end(),
                   [](const auto& a, const auto& b) { return a.expires < b.expires; });
  return certificates;
}

ClusterRecord Clusters::rotate_certificates(const Caller& caller, const std::string& name) {
  const auto before = changeable(caller, name);
  require_idle(before);
  const auto plan = require_plan(before, plans_);
  const auto defined = certificates_of(plan->manifest);
  if (std::all_of(defined.begin(), defined.end(), [](const auto& one) { return one.is_ca; }))
    throw Error(Fault::conflict, "plan '" + before.plan + "' has no certificates that could be made anew");
  auto cluster = before;
  cluster.superseded.clear();
  begin(cluster, "UPDATE", "Certificate rotation in progress");
  cluster.rotation = cluster.operation;
  start(cluster, before.operation);
  return cluster;
}

}  // namespace slipway::pks
