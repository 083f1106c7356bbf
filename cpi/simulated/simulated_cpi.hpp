#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "cpi/contract/cpi.hpp"
#include "cpi/simulated/cloud.hpp"

namespace slipway::cpi {

// How a call may go wrong.
enum class CallFault {
  error_before,     // CloudError, nothing happened
  retry_before,     // VMCreationFailed (create_vm) or CloudError, with ok_to_retry; nothing happened
  no_space,         // NoDiskSpace, nothing happened
  error_after,      // CloudError although the effect happened
  unknown_before,   // crashed or hung before the effect: Fault::outcome_unknown
  unknown_after,    // crashed or hung after the effect: Fault::outcome_unknown
  unsupported,      // NotImplemented
};

// Chances that a call goes wrong, each 0 to 1, drawn in the order of CallFault; latency is
// uniform between the two. Only methods that change something are ever hit by `faults`.
struct FaultPlan {
  std::map<CallFault, double> chances;
  std::set<std::string> methods;  // empty: all that change something
  Duration min_latency{0};
  Duration max_latency{0};
  Duration hang{0};               // how long an unknown_* call takes before it is given up
};

// A Cpi over a SimulatedCloud, with faults and latencies drawn from one seeded generator.
// `cloud` and `clock` outlive it. Several SimulatedCpi may share a cloud. Thread-safe; with
// several threads the *order* of draws depends on scheduling, with one it repeats exactly.
class SimulatedCpi final : public Cpi {
 public:
  SimulatedCpi(SimulatedCloud& cloud, Clock& clock, std::uint64_t seed = 1, FaultPlan plan = {});

  void set_plan(FaultPlan plan);
  // The next `times` calls of `method` meet `fault`, whatever the plan says.
  void fail_next(const std::string& method, CallFault fault, int times = 1);

  // Calls begun so far, failed ones included.
  int calls(const std::string& method) const;
  std::map<std::string, int> calls() const;

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
  struct Draw {
    std::optional<CallFault> fault;
    Duration latency{0};
    Duration hang{0};
  };
  Draw draw(const std::string& method, bool changes);
  template <class Action>
  auto looking(const std::string& method, Action&& action);
  template <class Action>
  auto changing(const std::string& method, Action&& action);

  SimulatedCloud& cloud_;
  Clock& clock_;
  mutable std::mutex mutex_;
  SeededRandom random_;
  FaultPlan plan_;
  std::map<std::string, std::deque<CallFault>> scripted_;
  std::map<std::string, int> calls_;
};

}  // namespace slipway::cpi
