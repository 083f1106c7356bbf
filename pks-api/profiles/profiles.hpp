#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "pks-api/identity/identity.hpp"
#include "pks-api/plans/plan.hpp"
#include "pks-api/store/store.hpp"

namespace slipway::pks {

inline constexpr const char* network_profile = "network";
inline constexpr const char* compute_profile = "compute";
inline constexpr const char* kubernetes_profile = "kubernetes";

// Whose arguments a Kubernetes profile sets, each by a blank of its own: ((kubernetes_profile.kubelet)).
inline constexpr const char* kubernetes_components[] = {"kube-apiserver", "kube-controller-manager",
                                                        "kube-proxy", "kube-scheduler", "kubelet"};

// A request's document, checked, as it is kept. Every problem at once.
//   network: {pod_network, service_network, nameservers} of the stringified JSON in "parameters"
//   compute: {master_azs, worker_azs} of the object in "parameters"
//   kubernetes: {customizations, experimental_customizations}
Json checked_profile(const std::string& kind, JsonReader& in, Problems& problems);

// Settings that many clusters share, under a name. Admins make them all; managers make and delete Kubernetes
// profiles of their own; everybody with a scope sees and uses them. They never change, and none that a
// cluster uses is deleted.
class Profiles {
 public:
  struct Context {  // what it refers to outlives it
    ProfileStore& store;
    ClusterStore& clusters;
    std::mutex& orders;  // held while it is decided whether a profile is in use, and while one comes into use
    Clock& clock;
    Random& random;
  };
  explicit Profiles(const Context& context)
      : store_(context.store),
        clusters_(context.clusters),
        orders_(context.orders),
        clock_(context.clock),
        random_(context.random) {}

  std::vector<ProfileRecord> list(const std::string& kind) { return store_.all(kind); }
  ProfileRecord get(const std::string& kind, const std::string& name);
  ProfileRecord create(const Caller& caller, const std::string& kind, const Json& request);
  void remove(const Caller& caller, const std::string& kind, const std::string& name);

  // What a cluster's profiles mean for its manifest: blanks, and zones of its groups. Fault::invalid for a
  // profile that is not there, or that the plan has no use for.
  void check(const ClusterRecord& cluster, const Plan& plan);
  // Fault::invalid when `after` would have other networks of pods or services than `before`, which has nodes.
  void check_change(const ClusterRecord& before, const Plan& plan_before, const ClusterRecord& after,
                    const Plan& plan_after);
  Blanks blanks(const ClusterRecord& cluster, const Plan& plan);
  void place(Json& manifest, const ClusterRecord& cluster, const Plan& plan);

 private:
  Json document(const ClusterRecord& cluster, const std::string& kind);  // null: it has none
  Json networks(const ClusterRecord& cluster, const Plan& plan);         // the profile's over the plan's
  void check_networks(const ClusterRecord& cluster, const Plan& plan);
  ProfileStore& store_;
  ClusterStore& clusters_;
  std::mutex& orders_;
  Clock& clock_;
  Random& random_;
};

}  // namespace slipway::pks
