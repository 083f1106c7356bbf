#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cpi/aws/config.hpp"
#include "cpi/aws/volume_wish.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi::aws {

struct NicWish {
  std::string network;  // its name in the request
  std::string subnet;
  std::string ip;                   // empty: EC2 chooses
  std::vector<std::string> groups;  // names or ids
};

struct RouteWish {
  std::string table_id, destination;
};

// What one instance shall be, read from a create_vm request and the CPI's defaults.
struct VmWish {
  std::string instance_type, availability_zone, key_name, iam_instance_profile, placement_group, tenancy;
  std::string spot_bid_price;  // empty: on demand
  bool spot_ondemand_fallback = false;
  bool auto_assign_public_ip = false;
  bool source_dest_check = true;
  std::vector<std::string> elbs, lb_target_groups;
  std::vector<RouteWish> advertised_routes;
  bool ephemeral_on_instance_storage = false;
  VolumeWish ephemeral_disk, root_disk;  // root: size 0 leaves it as large as the image
  std::int64_t metadata_hop_limit = 1;
  bool metadata_tags = false;
  std::vector<NicWish> nics;  // at least one; the one with the default gateway first
  std::string vip;            // an Elastic IP; empty: none
  std::string nameserver;     // of the first network that has one
  Json tags = Json::object();
};

// Throws VMCreationFailed that lists every problem of the cloud properties and networks.
VmWish read_vm_wish(const CreateVm& request, const AwsConfig& config);

}  // namespace slipway::cpi::aws
