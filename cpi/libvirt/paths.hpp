#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "cpi/contract/cpi.hpp"

namespace slipway::cpi {

// Where things lie in a host's storage folder:
//
//   STORAGE/
//   ├── stemcells/
//   │   ├── CID/                  complete: it appears by rename
//   │   │   ├── rootfs/           the root of LXC nodes, shared, never written
//   │   │   ├── root.ext4         the same as a disk, backing file of QEMU nodes
//   │   │   ├── vmlinuz
//   │   │   ├── initrd.img        optional
//   │   │   └── stemcell.json     digest and tags
//   │   ├── .CID.lock
//   │   └── .CID.incoming/        being unpacked; left by a crash, removed by the next try
//   ├── vms/
//   │   ├── .CID.lock             first host only: one create_vm or delete_vm at a time
//   │   └── CID/                  locked by flock while its disks or its domain change
//   │       ├── vm.json           the intent, then the fact: agent, stemcell, host, networks, state,
//   │       │                     and whether it was powered off for good
//   │       ├── config/           settings of the agent, 0700
//   │       │   └── ec2/latest/{user-data.json, meta-data.json}
//   │       ├── config.img        the same for QEMU, labelled config-2
//   │       ├── vm/               LXC: the writable layer; init.log tells of trouble before systemd
//   │       ├── ephemeral/        LXC: /var/vcap/data
//   │       ├── root.qcow2        QEMU: overlay over the stemcell's root.ext4
//   │       ├── ephemeral.raw     QEMU
//   │       └── console.log       QEMU
//   ├── disks/
//   │   ├── CID.raw               sparse; locked by flock while it is attached, resized or deleted
//   │   └── CID.json              size, cloud properties, metadata, the VM it was last attached to
//   ├── hosts/
//   │   ├── NAME.off              the host was fenced: which VMs were deleted since
//   │   └── NAME.lock
//   └── snapshots/
//       ├── CID.raw
//       └── CID.json
class StoragePaths {
 public:
  explicit StoragePaths(std::filesystem::path storage) : storage_(std::move(storage)) {}

  const std::filesystem::path& storage() const { return storage_; }
  std::filesystem::path stemcells() const { return storage_ / "stemcells"; }
  std::filesystem::path stemcell(const StemcellCid& cid) const { return stemcells() / cid.value; }
  std::filesystem::path stemcell_lock(const StemcellCid& cid) const { return stemcells() / ("." + cid.value + ".lock"); }
  std::filesystem::path stemcell_incoming(const StemcellCid& cid) const {
    return stemcells() / ("." + cid.value + ".incoming");
  }
  std::filesystem::path vms() const { return storage_ / "vms"; }
  std::filesystem::path vm(const VmCid& cid) const { return vms() / cid.value; }
  std::filesystem::path vm_life_lock(const VmCid& cid) const { return vms() / ("." + cid.value + ".lock"); }
  std::filesystem::path disks() const { return storage_ / "disks"; }
  std::filesystem::path disk(const DiskCid& cid) const { return disks() / (cid.value + ".raw"); }
  std::filesystem::path disk_record(const DiskCid& cid) const { return disks() / (cid.value + ".json"); }
  std::filesystem::path switched_off(const std::string& host) const { return storage_ / "hosts" / (host + ".off"); }
  std::filesystem::path snapshots() const { return storage_ / "snapshots"; }
  std::filesystem::path snapshot(const SnapshotCid& cid) const { return snapshots() / (cid.value + ".raw"); }
  std::filesystem::path snapshot_record(const SnapshotCid& cid) const { return snapshots() / (cid.value + ".json"); }

 private:
  std::filesystem::path storage_;
};

// True when `text` may be part of a path, a domain's name and a cgroup's: letters, digits,
// '-', '_' and '.', not at the beginning, at most 100. Cids come from outside.
inline bool is_plain_name(std::string_view text) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return !text.empty() && text.size() <= 100 && text.front() != '.' &&
         text.find_first_not_of(allowed) == std::string_view::npos;
}

}  // namespace slipway::cpi
