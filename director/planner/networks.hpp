#pragma once

#include <string>

#include "director/planner/plan.hpp"

namespace slipway::director {

// The settings of one network as create_vm takes them. `ip` is empty in a dynamic network.
Json network_settings(const Network& network, const NetworkUse& use, const std::string& az, std::optional<Ipv4> ip);

// "<host>.<group>.<network>.<deployment>.<domain>", each part in its DNS form.
std::string dns_name(const std::string& host, const std::string& group, const std::string& network,
                     const std::string& deployment, const std::string& domain);

// "q-m1n2s0.q-g3.<domain>": the instance of a number in the network of a number, among the members of a group.
std::string short_dns_name(std::int64_t instance, std::int64_t network, std::int64_t group, const std::string& domain);

}  // namespace slipway::director
