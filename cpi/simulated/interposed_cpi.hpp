#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cpi/contract/cpi.hpp"

namespace slipway::cpi {

// A call on its way to a cloud, as far as a test wants to know.
struct CallOnItsWay {
  std::string method;
  bool changes = false;  // something; else it only looks
  std::optional<VmCid> vm;
  std::optional<DiskCid> disk;
  std::optional<CreateVm> creates;
};

// Another Cpi, each call of which is done by `around`: it may keep the call from happening, or its end from
// being heard, by throwing. Both outlive it.
class InterposedCpi final : public Cpi {
 public:
  using Around = std::function<void(const CallOnItsWay& call, const std::function<void()>& action)>;
  InterposedCpi(Cpi& cpi, Around around) : cpi_(cpi), around_(std::move(around)) {}

  Info info() override;
  StemcellCid create_stemcell(const std::string& image_path, const Json& cloud_properties, const Json& tags) override;
  void delete_stemcell(const StemcellCid& stemcell) override;
  CreatedVm create_vm(const CreateVm& request) override;
  void delete_vm(const VmCid& vm) override;
  void reboot_vm(const VmCid& vm) override;
  bool has_vm(const VmCid& vm) override;
  void set_vm_metadata(const VmCid& vm, const Json& metadata) override;
  Json calculate_vm_cloud_properties(const VmRequirements& requirements) override;
  DiskCid create_disk(std::int64_t size_mib, const Json& cloud_properties, const std::optional<VmCid>& near_vm,
                      const std::string& idempotency_key) override;
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
  std::string get_vm_logs(const VmCid& vm, std::int64_t max_bytes) override;
  void power_off_vm(const VmCid& vm) override;

 private:
  template <class Action>
  auto pass(const CallOnItsWay& call, Action&& action);
  Cpi& cpi_;
  Around around_;
};

}  // namespace slipway::cpi
