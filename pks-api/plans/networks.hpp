#pragma once

#include <span>
#include <string>

#include "base/json.hpp"

namespace slipway::pks {

// The networks inside of clusters, {pod_network, service_network, nameservers}: what a plan says of its clusters, and a
// network profile of those that have it.

// What a cluster has from its creation to its end. Pods, the certificate of the API and each service that is there
// have addresses of these.
inline constexpr const char* fixed_network_settings[] = {"pod_network", "service_network"};

// The blanks of manifests, and the setting that each is made of.
struct NetworkBlank {
  const char* blank;
  const char* setting;
  Json (*value)(const Json& setting);  // of one that was checked
};
std::span<const NetworkBlank> network_blanks();

// What of them is given, checked. Problems name the place, the value and what is allowed.
Json checked_networks(JsonReader& in, Problems& problems);

// Of settings that were checked, maybe each by itself.
bool networks_overlap(const Json& networks);

// How many nodes a pod network has room for: each takes 256 of its addresses.
int most_nodes_in(const std::string& pod_network);

}  // namespace slipway::pks
