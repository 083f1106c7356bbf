#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cpi/contract/cpi.hpp"
#include "cpi/vsphere/disk_files.hpp"
#include "cpi/vsphere/inventory.hpp"
#include "cpi/vsphere/vms.hpp"

namespace slipway::cpi::vsphere {

// Persistent disks: VMDK files in a folder of their own, so that no VM's end touches them, moved to another
// datastore when a VM that wants one does not see where it lies.
class Disks {
 public:
  Disks(Session& session, Vms& vms) : session_(session), vms_(vms) {}

  DiskCid create(std::int64_t size_mib, const Json& cloud_properties, const std::optional<VmCid>& near_vm,
                 const std::string& idempotency_key);
  void remove(const DiskCid& disk);
  bool exists(const DiskCid& disk);
  Json attach(const VmCid& vm, const DiskCid& disk);
  void detach(const VmCid& vm, const DiskCid& disk);
  std::vector<DiskCid> of(const VmCid& vm);
  void set_metadata(const DiskCid& disk, const Json& metadata);
  void resize(const DiskCid& disk, std::int64_t new_size_mib, const Json* cloud_properties);
  SnapshotCid snapshot(const DiskCid& disk, const Json& metadata);
  void remove_snapshot(const SnapshotCid& snapshot);
  // The datastores of those that exist.
  std::set<std::string> datastores_of(const std::vector<DiskCid>& disks);

 private:
  const Inventory& inventory();
  std::optional<DiskPlace> find(const std::string& name);
  DiskPlace get(const DiskCid& disk);  // throws disk_not_found
  // The VM that has the disk; the note says where to look, the VM whether it is so.
  std::optional<VmCid> holder_of(const DiskPlace& place);
  void require_unattached(const DiskPlace& place, ErrorType otherwise, const char* wish);
  void make_file(const DiskPlace& place, std::int64_t size_mib, const std::string& type);
  DiskPlace move(const DiskPlace& from, const std::string& datastore);
  DiskPlace within_reach(const DiskPlace& place, const VmState& vm);
  void note_holder(const DiskPlace& place, const std::optional<VmCid>& vm);

  Session& session_;
  Vms& vms_;
  std::optional<Inventory> inventory_;
};

}  // namespace slipway::cpi::vsphere
