#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi {

struct SimulatedStemcell {
  std::string image_digest;
  Json cloud_properties = Json::object();
  Json tags = Json::object();
};

struct SimulatedVm {
  AgentId agent;
  StemcellCid stemcell;
  Json cloud_properties = Json::object();
  Json networks = Json::object();  // as answered: with a mac each
  Json env = Json::object();       // what the agent would find as its settings
  Json metadata = Json::object();
  int reboots = 0;
  bool ghost = false;  // it was lost, and is back
  bool off = false;    // for good: power_off_vm
};

struct SimulatedDisk {
  std::int64_t size_mib = 0;
  Json cloud_properties = Json::object();
  Json metadata = Json::object();
  std::optional<VmCid> attached_to;
};

struct SimulatedSnapshot {
  DiskCid disk;
  Json metadata = Json::object();
};

// A cloud's truth, apart from whoever asks for it: what exists, what is attached to what,
// who uses which address. It performs one operation at a time and never half of one.
// Thread-safe. Stricter than a real cloud: what no caller should ever ask for (two VMs with
// one address, a disk in two VMs, deleting what is in use) is refused *and* remembered.
// Operations throw CpiError as the contract says.
class SimulatedCloud {
 public:
  // Called without a lock held, after the effect; a test attaches its simulated agents here.
  std::function<void(const VmCid&, const SimulatedVm&)> on_vm_created;
  std::function<void(const VmCid&, const SimulatedVm&)> on_vm_deleted;
  std::function<void(const VmCid&, const SimulatedVm&)> on_vm_rebooted;
  std::function<void(const VmCid&, const SimulatedVm&)> on_vm_powered_off;
  std::function<void(const VmCid&, const SimulatedVm&)> on_vm_back;  // a ghost

  StemcellCid create_stemcell(const std::string& image_digest, const Json& cloud_properties, const Json& tags);
  void delete_stemcell(const StemcellCid& stemcell);

  CreatedVm create_vm(const CreateVm& request);
  void delete_vm(const VmCid& vm);
  void reboot_vm(const VmCid& vm);
  void set_vm_metadata(const VmCid& vm, const Json& metadata);
  void power_off_vm(const VmCid& vm);
  std::string logs_of(const VmCid& vm, std::int64_t max_bytes) const;  // as get_vm_logs has them

  DiskCid create_disk(std::int64_t size_mib, const Json& cloud_properties, const std::optional<VmCid>& near_vm,
                      const std::string& idempotency_key = {});
  void delete_disk(const DiskCid& disk);
  Json attach_disk(const VmCid& vm, const DiskCid& disk);
  void detach_disk(const VmCid& vm, const DiskCid& disk);
  void set_disk_metadata(const DiskCid& disk, const Json& metadata);
  void resize_disk(const DiskCid& disk, std::int64_t new_size_mib);
  void update_disk(const DiskCid& disk, std::int64_t new_size_mib, const Json& cloud_properties);
  SnapshotCid snapshot_disk(const DiskCid& disk, const Json& metadata);
  void delete_snapshot(const SnapshotCid& snapshot);

  Json create_network(const Json& subnet_definition);
  void delete_network(const NetworkCid& network);

  // From now on it also remembers what a cloud permits and no director should do: two VMs that are
  // described as one instance, a VM deleted with a disk on it.
  void watch_closely() { watched_closely_ = identities_watched_ = true; }
  void watch_identities() { identities_watched_ = true; }  // only the first of these

  // Looking at the truth; tests may do so at any time.
  std::optional<SimulatedVm> find_vm(const VmCid& vm) const;
  std::optional<SimulatedVm> find_vm_of(const AgentId& agent) const;
  std::optional<SimulatedDisk> find_disk(const DiskCid& disk) const;
  std::vector<DiskCid> disks_of(const VmCid& vm) const;
  std::map<StemcellCid, SimulatedStemcell> stemcells() const;
  std::map<VmCid, SimulatedVm> vms() const;
  std::map<DiskCid, SimulatedDisk> disks() const;
  std::map<SnapshotCid, SimulatedSnapshot> snapshots() const;
  std::size_t networks_created() const;
  std::size_t vms_made() const;                 // ever, those that are gone included
  std::vector<std::string> violations() const;  // empty: nobody broke a rule

  // Happenings no CPI call causes.
  void lose_vm(const VmCid& vm);  // the host died: the VM is gone, its disks are free
  // It was not dead: it runs again, with the addresses it had, and those of its disks that are free. That somebody
  // else has the addresses by now is nobody's fault, and neither is a VM that cannot be made because of it.
  void bring_back(const VmCid& vm, SimulatedVm lost, const std::vector<DiskCid>& its_disks);
  void lose_disk(const DiskCid& disk);  // the storage died, whatever it was attached to

  // Everything but the hooks, for a CPI whose processes share the cloud through a file.
  Json to_json() const;
  void load(const Json& json);  // Fault::invalid

 private:
  SimulatedVm& vm_at(const VmCid& vm);
  SimulatedDisk& disk_at(const DiskCid& disk);
  void require_vm(const VmCid& vm) const;
  [[noreturn]] void violate(ErrorType type, const std::string& what);
  void check_addresses(const CreateVm& request);
  void check_identity(const VmCid& vm, const Json& metadata);
  SimulatedVm take_out(const VmCid& vm);
  std::string next_id(const char* kind);

  mutable std::mutex mutex_;
  std::uint64_t counter_ = 0;
  std::size_t vms_made_ = 0;
  bool watched_closely_ = false, identities_watched_ = false;
  std::map<StemcellCid, SimulatedStemcell> stemcells_;
  std::map<VmCid, SimulatedVm> vms_;
  std::map<DiskCid, SimulatedDisk> disks_;
  std::map<SnapshotCid, SimulatedSnapshot> snapshots_;
  std::map<NetworkCid, Json> networks_;
  std::vector<std::string> violations_;
};

}  // namespace slipway::cpi
