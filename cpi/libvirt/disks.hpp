#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "cpi/contract/cpi.hpp"
#include "cpi/libvirt/config.hpp"
#include "cpi/libvirt/paths.hpp"

namespace slipway::cpi {

class Vms;

// Persistent disks: sparse raw files, so that LXC nodes (by a loop device) and QEMU nodes can
// use the same one. Which VM has a disk is read from the domains; the record beside the file
// only says where to look.
class Disks {
 public:
  Disks(const LibvirtConfig& config, Vms& vms, Random& random) : config_(config), vms_(vms), random_(random) {}

  DiskCid create(std::int64_t size_mib, const Json& cloud_properties, const std::optional<VmCid>& near_vm,
                 const std::string& idempotency_key);
  void remove(const DiskCid& disk);
  bool exists(const DiskCid& disk) const;
  Json attach(const VmCid& vm, const DiskCid& disk);
  void detach(const VmCid& vm, const DiskCid& disk);
  std::vector<DiskCid> of(const VmCid& vm) const;
  void set_metadata(const DiskCid& disk, const Json& metadata);
  void resize(const DiskCid& disk, std::int64_t new_size_mib, const Json* cloud_properties);
  SnapshotCid snapshot(const DiskCid& disk, const Json& metadata);
  void remove_snapshot(const SnapshotCid& snapshot);

  // The file behind a disk on whichever host has it. Throws disk_not_found.
  static std::filesystem::path file_of(const LibvirtConfig& config, const DiskCid& disk);

 private:
  struct Place {
    const LibvirtHost* host;
    StoragePaths paths() const { return StoragePaths(host->storage); }
  };
  Place place_of(const DiskCid& disk) const;
  void forget(const DiskCid& disk) const;
  std::optional<VmCid> holder_of(const DiskCid& disk, const Place& place) const;
  void copy_of_attached(const VmCid& holder, const DiskCid& disk, const std::filesystem::path& from,
                        const std::filesystem::path& to) const;

  const LibvirtConfig& config_;
  Vms& vms_;
  Random& random_;
};

}  // namespace slipway::cpi
