#pragma once

#include "cpi/aws/config.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi::aws {

// Snapshots of persistent disks. EC2 takes them of the moment of the call, so nobody waits until they are
// stored.
class Snapshots {
 public:
  Snapshots(const AwsConfig& config, const Api& api) : config_(config), api_(api) {}

  SnapshotCid create(const DiskCid& disk, const Json& metadata);
  void remove(const SnapshotCid& snapshot);

 private:
  const AwsConfig& config_;
  const Api& api_;
};

}  // namespace slipway::cpi::aws
