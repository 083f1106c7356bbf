#pragma once

#include <string>
#include <vector>

#include "director/domain/cloud_config.hpp"
#include "director/domain/types.hpp"

namespace slipway::director {

// One address of a network for a VM that is no instance (a compilation VM): the lowest free
// one in a subnet that serves `az`, and the networks argument create_vm takes. The address is
// empty on a dynamic network. Fault::exhausted (130011) when none is left.
struct AddressLease {
  std::string address;
  Json networks = Json::object();
};
AddressLease lease_address(const Network& network, const std::string& az, const std::vector<IpRecord>& taken,
                           const std::vector<std::string>& director_addresses);

}  // namespace slipway::director
