#pragma once

#include <map>
#include <string>
#include <vector>

#include "cpi/aws/api/api.hpp"
#include "cpi/aws/patience.hpp"
#include "cpi/aws/vm_wish.hpp"

namespace slipway::cpi::aws {

struct MadeInterface {
  std::string network, id, mac;
};

// Replaces names of security groups by ids, looked up in the VPC of each interface's subnet.
// Throws VMCreationFailed that names a group or subnet that is not there.
void resolve_security_groups(const Api& api, std::vector<NicWish>& nics);

// Interfaces made before their instance, because the agent has to know their MACs: needed with more
// than one. The same agent and attempt get the same interfaces again. Throws as EC2 does.
std::vector<MadeInterface> make_interfaces(const Api& api, const std::vector<NicWish>& nics,
                                           const std::string& agent, int attempt, const Tags& tags);

// Deletes the interfaces of an agent that are attached to nothing.
void remove_interfaces(const Api& api, const std::string& agent, Patience patience);

}  // namespace slipway::cpi::aws
