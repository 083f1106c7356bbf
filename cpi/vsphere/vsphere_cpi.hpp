#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "cpi/contract/cpi.hpp"
#include "cpi/contract/redaction.hpp"
#include "cpi/vsphere/session.hpp"

namespace slipway::cpi::vsphere {

// The cloud that is a vCenter. All state is in vCenter and on its datastores, so any number of processes may
// work side by side. Each call has a session to itself; `sessions_kept` of them stay logged in for the next.
class VsphereCpi final : public Cpi {
 public:
  // `transport` null: HTTPS.
  VsphereCpi(VsphereConfig config, Log log, std::size_t sessions_kept,
             std::shared_ptr<Transport> transport = nullptr);
  ~VsphereCpi() override;

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
  template <class Action>
  auto with_session(ErrorType otherwise, Action&& action);
  template <class Action>
  auto with_disks(Action&& action);
  std::unique_ptr<Session> take_session();
  void give_back(std::unique_ptr<Session> session);

  const VsphereConfig config_;
  const Log log_;
  const std::size_t sessions_kept_;
  const Redactor redactor_;
  SystemClock clock_;
  SystemRandom random_;
  const std::shared_ptr<Transport> transport_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_;
};

}  // namespace slipway::cpi::vsphere
