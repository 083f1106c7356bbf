#pragma once

#include <string>
#include <vector>

#include "pks-api/plans/plan.hpp"
#include "pks-api/store/store.hpp"

namespace slipway::pks {

// What tenants set at a cluster. All of it lies in ClusterRecord::parameters, in the shape of the PKS API's
// ClusterParameters, and survives every operation.

// Where requests and records name a cluster's profiles.
inline constexpr const char* profile_fields[] = {"network_profile_name", "compute_profile_name",
                                                 "kubernetes_profile_name"};

// A creation's "parameters": known fields only, checked and normalised. Problems name the field and what is
// allowed. The host name and the number of nodes are left to the caller.
Json checked_parameters(const Json& parameters, const Plan& plan, Problems& problems);

// An UpdateClusterParameters applied to the record. Fault::invalid for fields that are wrong, unknown or of
// no use to the plan, and for an update that names nothing.
void apply_update(ClusterRecord& cluster, const Json& update, const Plan& plan);

// How nodes are drained: the cluster's settings over the plan's over what holds for all. As text, as the API
// has them.
Json effective_drain(const ClusterRecord& cluster, const Plan& plan);

// Blanks that come from settings: ((kubelet_drain_…)), ((insecure_registries)), ((custom_ca_certs)).
Blanks setting_blanks(const ClusterRecord& cluster, const Plan& plan);

struct Change {
  std::string setting;
  Json from, to;
};

// What differs between two states of a cluster, by the names that update-cluster has for it.
std::vector<Change> changes_between(const ClusterRecord& before, const ClusterRecord& after);

}  // namespace slipway::pks
