#pragma once

#include <string>

#include "pks-api/plans/plan.hpp"
#include "pks-api/store/store.hpp"

namespace slipway::pks {

// Where the logs of a cluster go besides the operator's server. A sink is {name, type: "syslog-tls", host, port} with
// ca_cert (PEM; the nodes' trust store when not there) and permitted_peer (the host when not there); they lie in
// ClusterRecord::parameters as "sinks". A plan takes them up by the blank ((sinks)) in the properties of a job.

inline constexpr std::size_t max_sinks = 10;  // of a cluster: each is a program on each of its nodes

bool takes_sinks(const Plan& plan);
const Json& sinks_of(const ClusterRecord& cluster);  // a list

// A list of sinks, checked and normalised.
Json read_sinks(const Json& given, const std::string& place, const Plan& plan, Problems& problems);

// The update of a cluster that adds the sink of a request. Fault::invalid; Fault::conflict: the name is taken, or there are
// max_sinks.
Json update_with_sink(const ClusterRecord& cluster, const Json& request);
// The one that takes it off. Fault::not_found.
Json update_without_sink(const ClusterRecord& cluster, const std::string& name);

// Fills ((sinks)), and ((sinks.jobs)) with the other jobs of the group, so that the operator's own stay his. Without
// sinks the jobs that take them are left out, and the releases that no other job is of.
void place_sinks(Json& manifest, const Json& sinks);

}  // namespace slipway::pks
