#pragma once

#include <string>
#include <vector>

#include "base/random.hpp"
#include "pks-api/clusters/kubeconfig.hpp"
#include "pks-api/clusters/operations.hpp"
#include "pks-api/clusters/settings.hpp"
#include "pks-api/identity/identity.hpp"
#include "pks-api/quotas/quotas.hpp"

namespace slipway::pks {

// What an order would do, without doing it.
struct Preview {
  std::vector<Change> changes;
  std::vector<std::string> warnings;  // what is destroyed, recreated or cannot be undone
};

struct ClusterCertificate {
  std::string name;
  bool is_ca = false;
  std::string expires;  // RFC 3339
  std::int64_t days_left = 0;
};

// What tenants do with clusters: the rules of ownership and validity, and the record that
// flips before the answer goes out. Others' clusters do not exist for a manager. Faults:
// not_found, forbidden, invalid, conflict. Thread-safe.
class Clusters {
 public:
  struct Context {  // what it refers to outlives it
    ClusterStore& store;
    Operations& operations;
    const DirectorClient& director;
    Intents intents;
    Quotas& quotas;
    std::mutex& orders;  // held from the look at quotas, profiles and names until an order is in the store
    Clock& clock;
    Random& random;
  };
  explicit Clusters(const Context& context);

  std::vector<ClusterRecord> list(const Caller& caller);
  ClusterRecord get(const Caller& caller, const std::string& name);
  ClusterRecord changeable(const Caller& caller, const std::string& name);  // if it is the caller's to change
  // `request`: {name, plan_name, parameters{kubernetes_master_host, kubernetes_worker_instances, …}}.
  // A cluster whose creation failed is created anew under its name, by its owner.
  ClusterRecord create(const Caller& caller, const Json& request);
  // `request` is an UpdateClusterParameters: what it does not name stays. Asks the director where it brings in a release:
  // Fault::retryable, Fault::invalid when there is none.
  ClusterRecord update(const Caller& caller, const std::string& name, const Json& request);
  Preview preview_update(const Caller& caller, const std::string& name, const Json& request);
  // Sinks are settings: to add one or to take one off is an update. `request`: {name, type, host, port, ca_cert,
  // permitted_peer}, see clusters/sinks.
  Json sinks(const Caller& caller, const std::string& name);
  ClusterRecord add_sink(const Caller& caller, const std::string& name, const Json& request);
  Preview preview_add_sink(const Caller& caller, const std::string& name, const Json& request);
  ClusterRecord remove_sink(const Caller& caller, const std::string& name, const std::string& sink);
  Preview preview_remove_sink(const Caller& caller, const std::string& name, const std::string& sink);
  // To the plan as it is offered now, with the newest versions it allows. Fault::conflict when there is
  // nothing newer, Fault::invalid beyond one minor version of Kubernetes, or back. Asks the director:
  // Fault::retryable.
  ClusterRecord upgrade(const Caller& caller, const std::string& name);
  // QuotaExceeded if these, of one owner, would take up too much by their plans as they are offered now.
  void check_upgrade_quota(const Caller& caller, std::vector<ClusterRecord> clusters);
  Preview preview_upgrade(const Caller& caller, const std::string& name);
  // After an upgrade that failed: to what the last operation that succeeded had made of the cluster.
  // Fault::conflict where Kubernetes does not go back.
  ClusterRecord roll_back(const Caller& caller, const std::string& name);
  // The operation `operation` of a fleet's upgrade, for somebody who was allowed to begin it. False: the
  // cluster is up to date. Begun already: true, and nothing happens. `resumes`: what this operation had begun
  // is gone on with, in its versions, if it was the cluster's last.
  bool upgrade_as(const std::string& uuid, const std::string& operation, const std::string& resumes);
  // Makes all certificates anew that no CA is, and brings them to one node after the other. Fault::conflict when
  // there are none.
  ClusterRecord rotate_certificates(const Caller& caller, const std::string& name);
  // Those that the plan defines, the first to expire first. Asks the director: Fault::retryable.
  std::vector<ClusterCertificate> certificates(const Caller& caller, const std::string& name);
  // Stops a creation or an update that is under way. Deleting twice is no error.
  ClusterRecord remove(const Caller& caller, const std::string& name);
  // What makes a client the cluster's admin: for etcd {kind, endpoints, ca, certificate, private_key}, for
  // Kubernetes a kubeconfig.
  Json credentials(const Caller& caller, const std::string& name);
  // A kubeconfig without secrets by which the caller himself can log in to a Kubernetes cluster, whoever owns
  // it: what he may do there is the cluster's business. `user`: the caller's name, or "~". Fault::forbidden for
  // another user's.
  Json user_kubeconfig(const Caller& caller, const std::string& name, const std::string& user);

 private:
  ClusterRecord validated(const Caller& caller, const Json& request) const;
  ClusterRecord create_anew(const Caller& caller, const ClusterRecord& before, ClusterRecord wanted);
  ClusterRecord updated(const ClusterRecord& cluster, const Json& request) const;
  Json versions_after(const ClusterRecord& before, const ClusterRecord& after) const;
  ClusterRecord order_update(const Caller& caller, const ClusterRecord& before, const Json& request);
  Preview preview_of(const ClusterRecord& cluster, const Json& request) const;
  struct Upgrade {
    ClusterRecord target;
    Preview preview;
  };
  Upgrade upgrade_of(const ClusterRecord& cluster) const;
  void begin(ClusterRecord& cluster, const std::string& action, const std::string& description);
  void start(const ClusterRecord& cluster, const std::string& previous);

  void require_usable(const ClusterRecord& cluster) const;
  KubernetesEndpoint endpoint_of(const ClusterRecord& cluster, const Plan& plan) const;
  Json certificate_variable(const ClusterRecord& cluster, const std::string& variable) const;
  std::vector<DirectorInstance> instances_of(const ClusterRecord& cluster, const std::string& group) const;

  ClusterStore& store_;
  Operations& operations_;
  const DirectorClient& director_;
  Intents intents_;
  const PlanCatalog& plans_;
  const OidcSettings& oidc_;
  Quotas& quotas_;
  std::mutex& orders_;
  Clock& clock_;
  Random& random_;
};

[[noreturn]] void no_such_cluster(const std::string& name);  // Fault::not_found

// Fault::conflict unless the cluster is there and nobody works on it.
void require_idle(const ClusterRecord& cluster);
// Fault::conflict when its plan is not understood any more.
std::shared_ptr<const Plan> require_plan(const ClusterRecord& cluster, const PlanCatalog& plans);

// Fault::invalid with what is allowed.
void check_cluster_name(const std::string& name);
void check_hostname(const std::string& hostname);

}  // namespace slipway::pks
