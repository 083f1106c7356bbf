#pragma once

#include <memory>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "cpi/aws/api/api.hpp"
#include "cpi/aws/config.hpp"
#include "cpi/aws/snapshots.hpp"
#include "cpi/aws/stemcells.hpp"
#include "cpi/aws/vms.hpp"
#include "cpi/aws/volumes.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi::aws {

// The cloud that is one region of one AWS account: EC2, with EBS for disks. All state is in AWS, so any
// number of processes may work side by side.
class AwsCpi final : public Cpi {
 public:
  AwsCpi(AwsConfig config, Clock& clock, Random& random, Log log);

  Info info() override;
  StemcellCid create_stemcell(const std::string& image_path, const Json& cloud_properties,
                              const Json& tags) override;
  void delete_stemcell(const StemcellCid& stemcell) override;
  CreatedVm create_vm(const CreateVm& request) override;
  void delete_vm(const VmCid& vm) override;
  void reboot_vm(const VmCid& vm) override;
  bool has_vm(const VmCid& vm) override;
  void set_vm_metadata(const VmCid& vm, const Json& metadata) override;
  Json calculate_vm_cloud_properties(const VmRequirements& requirements) override;
  DiskCid create_disk(std::int64_t size_mib, const Json& cloud_properties,
                      const std::optional<VmCid>& near_vm, const std::string& idempotency_key = {}) override;
  void delete_disk(const DiskCid& disk) override;
  bool has_disk(const DiskCid& disk) override;
  Json attach_disk(const VmCid& vm, const DiskCid& disk) override;
  void detach_disk(const VmCid& vm, const DiskCid& disk) override;
  std::vector<DiskCid> get_disks(const VmCid& vm) override;
  void set_disk_metadata(const DiskCid& disk, const Json& metadata) override;
  void resize_disk(const DiskCid& disk, std::int64_t new_size_mib) override;
  std::optional<DiskCid> update_disk(const DiskCid& disk, std::int64_t new_size_mib,
                                     const Json& cloud_properties) override;
  SnapshotCid snapshot_disk(const DiskCid& disk, const Json& metadata) override;
  void delete_snapshot(const SnapshotCid& snapshot) override;
  Json create_network(const Json& subnet_definition) override;
  void delete_network(const NetworkCid& network) override;

 private:
  const AwsConfig config_;
  const Log log_;
  const std::unique_ptr<const Api> own_;      // with the credentials given; assumes the role, if there is one
  const std::unique_ptr<const Api> assumed_;  // null without a role
  const Api& api_;
  Stemcells stemcells_;
  Vms vms_;
  Volumes volumes_;
  Snapshots snapshots_;
};

}  // namespace slipway::cpi::aws
