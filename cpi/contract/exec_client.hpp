#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi {

struct ExecOptions {
  std::vector<std::string> command;          // argv of the CPI, e.g. {"/usr/bin/sudo", "-n", "/…/slipway-cpi-libvirt", "/…/cpi.json"}
  std::map<std::string, std::string> env;    // exact environment; empty: PATH, TMPDIR, HOME as BOSH gives
  std::string director_uuid;
  Json context = Json::object();             // the cpi-config entry's properties, merged flat; not logged
  std::vector<std::string> secrets;          // kept out of logs and errors wherever they turn up
  std::chrono::seconds timeout{1800};        // create_stemcell may take long; the process group is killed at the limit
  std::size_t max_output_bytes = 4u << 20;
  std::function<ProcessResult(const ProcessSpec&)> run = slipway::run;  // replaced where no process is wanted
};

// What the caller of one call wants to hear: lines for the task's cpi log (already free of
// secrets: values of env.bosh.mbus, blobstores and passwords are replaced), and a way to stop.
struct CallObserver {
  std::function<void(const std::string& line)> log;
  std::function<bool()> cancelled;
};

// Speaks to any CPI executable, one process a call. Stateless between calls but for the
// API version, asked once by `info` and shared with the copies that observed_by() makes.
// Thread-safe. Source: contracts/agent-cpi.md section 1.
//
// Throws CpiError. The CPI's exit status is ignored, as BOSH does; what counts is one JSON
// document on stdout with `result`, `error` and `log`. A call that was to change something
// and ended without one (crash, timeout, cancelled, rubbish, too much output) is
// Fault::outcome_unknown; a call that only looks is Fault::internal, or Fault::cancelled.
// A CPI that reports an API version below 2, or none, is ErrorType::not_supported.
class ExecCpi final : public Cpi {
 public:
  explicit ExecCpi(ExecOptions options, CallObserver observer = {});

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

  // The same CPI for one task: its calls are logged to `observer` and can be cancelled.
  ExecCpi observed_by(CallObserver observer) const;

  // What both sides speak: the smaller of what the CPI reports and 3. Asks `info` when needed.
  int api_version();

 private:
  enum class Effect { looks, changes };
  struct Shared;

  Json call(const std::string& method, Json arguments, Effect effect, const std::string& idempotency_key = {});
  Json exchange(const std::string& method, Json arguments, Effect effect, int version, const std::string& idempotency_key = {});
  Info read_info(const Json& result) const;

  ExecOptions options_;
  CallObserver observer_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace slipway::cpi
