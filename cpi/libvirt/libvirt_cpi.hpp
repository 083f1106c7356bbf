#pragma once

#include "base/log.hpp"
#include "base/random.hpp"
#include "cpi/contract/cpi.hpp"
#include "cpi/libvirt/disks.hpp"
#include "cpi/libvirt/domain.hpp"
#include "cpi/libvirt/stemcells.hpp"
#include "cpi/libvirt/vms.hpp"

namespace slipway::cpi {

// The cloud that is a list of libvirt hosts: LXC and QEMU domains. Needs root (owners of
// stemcell files, loop devices). All state is in the hosts' storage folders and in libvirt,
// so any number of processes may work side by side; see paths.hpp for the layout.
class LibvirtCpi final : public Cpi {
 public:
  LibvirtCpi(LibvirtConfig config, Log log);

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
                      const std::string& idempotency_key = {}) override;
  void delete_disk(const DiskCid& disk) override;
  bool has_disk(const DiskCid& disk) override;
  Json attach_disk(const VmCid& vm, const DiskCid& disk) override;
  void detach_disk(const VmCid& vm, const DiskCid& disk) override;
  std::vector<DiskCid> get_disks(const VmCid& vm) override;
  void set_disk_metadata(const DiskCid& disk, const Json& metadata) override;
  void resize_disk(const DiskCid& disk, std::int64_t new_size_mib) override;
  std::optional<DiskCid> update_disk(const DiskCid& disk, std::int64_t new_size_mib, const Json& cloud_properties) override;
  SnapshotCid snapshot_disk(const DiskCid& disk, const Json& metadata) override;
  void delete_snapshot(const SnapshotCid& snapshot) override;
  Json create_network(const Json& subnet_definition) override;
  void delete_network(const NetworkCid& network) override;
  std::string get_vm_logs(const VmCid& vm, std::int64_t max_bytes) override;
  void power_off_vm(const VmCid& vm) override;

 private:
  const LibvirtConfig config_;
  const Log log_;
  SystemRandom random_;
  Connections connections_;
  Hosts hosts_;
  StemcellStore stemcells_;
  Vms vms_;
  Disks disks_;
};

}  // namespace slipway::cpi
