#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cpi/aws/api/query.hpp"
#include "cpi/aws/config.hpp"

namespace slipway::cpi::aws {

// What an EBS volume shall be, from cloud properties of a disk, an ephemeral or a root disk.
struct VolumeWish {
  std::int64_t size_mib = 0;  // 0: not said
  std::string type = "gp3";
  std::optional<std::int64_t> iops, throughput;
  bool encrypted = false;
  std::string kms_key_arn;
};

// Reads type, iops, throughput, encrypted, kms_key_arn and size of `in`, with the CPI's defaults
// for the last two, and checks what EBS allows together.
VolumeWish read_volume_wish(JsonReader& in, const AwsConfig& config, Problems& problems);

std::int64_t gib_of(std::int64_t mib);  // rounded up

// The parameters below `prefix` ("" for CreateVolume, "BlockDeviceMapping.1.Ebs." for
// RunInstances) but for the size's.
void set_volume(Query& query, const std::string& prefix, const VolumeWish& wish);

}  // namespace slipway::cpi::aws
