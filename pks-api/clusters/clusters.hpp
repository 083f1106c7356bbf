#pragma once

#include <string>
#include <vector>

#include "base/random.hpp"
#include "pks-api/clusters/operations.hpp"
#include "pks-api/identity/identity.hpp"

namespace slipway::pks {

// What tenants do with clusters: the rules of ownership and validity, and the record that
// flips before the answer goes out. Others' clusters do not exist for a manager. Faults:
// not_found, forbidden, invalid, conflict. Thread-safe.
class Clusters {
 public:
  Clusters(ClusterStore& store, Operations& operations, const DirectorClient& director,
           const std::vector<Plan>& plans, Clock& clock, Random& random);

  std::vector<ClusterRecord> list(const Caller& caller);
  ClusterRecord get(const Caller& caller, const std::string& name);
  // `request`: {name, plan_name, parameters{kubernetes_master_host, kubernetes_worker_instances, …}}.
  // A cluster whose creation failed is created anew under its name, by its owner.
  ClusterRecord create(const Caller& caller, const Json& request);
  ClusterRecord resize(const Caller& caller, const std::string& name, const Json& request);
  // Stops a creation or an update that is under way. Deleting twice is no error.
  ClusterRecord remove(const Caller& caller, const std::string& name);
  // What a client needs to use the cluster; for etcd {kind, endpoints, ca, certificate, private_key}.
  Json credentials(const Caller& caller, const std::string& name);
  const Plan* plan(const std::string& name_or_id) const;

 private:
  ClusterRecord validated(const Caller& caller, const Json& request) const;
  ClusterRecord create_anew(const ClusterRecord& before, ClusterRecord wanted);
  ClusterRecord changeable(const Caller& caller, const std::string& name);
  void begin(ClusterRecord& cluster, const std::string& action, const std::string& description);

  ClusterStore& store_;
  Operations& operations_;
  const DirectorClient& director_;
  const std::vector<Plan>& plans_;
  Clock& clock_;
  Random& random_;
};

// Fault::invalid with what is allowed.
void check_cluster_name(const std::string& name);
void check_hostname(const std::string& hostname);

}  // namespace slipway::pks
