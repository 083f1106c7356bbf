#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"

// The CPI contract, version 2: what the director may ask of a cloud.
// Source: BOSH's CPI v2; contracts/agent-cpi.md section 1.
namespace slipway::cpi {

using StemcellCid = Id<struct StemcellCidTag>;
using VmCid = Id<struct VmCidTag>;
using DiskCid = Id<struct DiskCidTag>;
using SnapshotCid = Id<struct SnapshotCidTag>;
using NetworkCid = Id<struct NetworkCidTag>;
using AgentId = Id<struct AgentIdTag>;

// "Bosh::Clouds::<type>" on the wire. A type exists because the director reacts to it.
enum class ErrorType {
  vm_creation_failed,
  vm_not_found,
  disk_not_found,
  disk_not_attached,
  no_disk_space,
  network_not_found,
  not_implemented,
  not_supported,
  cloud_error,
  cpi_error,
  unknown,  // any other text, or a CPI that broke the protocol
};
std::string to_wire(ErrorType type);                // "Bosh::Clouds::VMNotFound"
ErrorType error_type_from_wire(const std::string& type);

// What a CPI answers when it cannot. fault() is outcome_unknown when the CPI crashed, hung
// or printed rubbish after it was told to change something, not_found for the three
// *_not_found types, retryable when `ok_to_retry`, exhausted for no_disk_space.
class CpiError : public Error {
 public:
  CpiError(ErrorType type, const std::string& message, bool ok_to_retry = false);
  CpiError(ErrorType type, Fault fault, const std::string& message, bool ok_to_retry);
  ErrorType type() const noexcept { return type_; }
  bool ok_to_retry() const noexcept { return ok_to_retry_; }
  // The cloud does not offer the method: an optional step is left out.
  bool is_unsupported() const noexcept {
    return type_ == ErrorType::not_implemented || type_ == ErrorType::not_supported;
  }

 private:
  ErrorType type_;
  bool ok_to_retry_;
};

struct Info {
  int api_version = 2;
  std::vector<std::string> stemcell_formats;
};

struct CreateVm {
  AgentId agent;                   // invented by the director; the idempotency key
  StemcellCid stemcell;
  Json cloud_properties = Json::object();
  Json networks = Json::object();  // name → {type, ip, netmask, gateway, dns, default, cloud_properties}
  std::vector<DiskCid> disks;      // locality hint only: nothing is attached
  Json env = Json::object();
};

struct CreatedVm {
  VmCid vm;
  Json networks = Json::object();
};

struct VmRequirements {
  std::int64_t cpu = 1;
  std::int64_t ram_mib = 1024;
  std::int64_t ephemeral_disk_mib = 1024;
};

// One cloud. All methods may be called from several threads; each throws CpiError.
// Idempotency beyond BOSH's contract, and part of the contract suite: create_vm with an
// agent id already served returns the same VM; delete_* of an unknown id fails with the
// *_not_found type of its kind (stemcell, snapshot: succeeds); attach_disk repeats safely and
// gives the same hint; detach_disk of a disk attached nowhere succeeds, of one attached to
// another VM is disk_not_attached. resize_disk and update_disk of an attached disk, and
// shrinking, are not_supported (the director falls back to a copy).
// With an Error's within() a CpiError loses its type: catch CpiError before adding context.
class Cpi {
 public:
  virtual ~Cpi() = default;

  virtual Info info() = 0;

  virtual StemcellCid create_stemcell(const std::string& image_path, const Json& cloud_properties,
                                      const Json& tags) = 0;
  virtual void delete_stemcell(const StemcellCid& stemcell) = 0;

  virtual CreatedVm create_vm(const CreateVm& request) = 0;
  virtual void delete_vm(const VmCid& vm) = 0;
  virtual void reboot_vm(const VmCid& vm) = 0;
  virtual bool has_vm(const VmCid& vm) = 0;
  virtual void set_vm_metadata(const VmCid& vm, const Json& metadata) = 0;
  virtual Json calculate_vm_cloud_properties(const VmRequirements& requirements) = 0;

  // The same non-empty key again is the same disk, where a CPI knows keys (ours do): a director
  // that died before it noted the answer asks again. On the wire: context.idempotency_key.
  virtual DiskCid create_disk(std::int64_t size_mib, const Json& cloud_properties,
                              const std::optional<VmCid>& near_vm, const std::string& idempotency_key = {}) = 0;
  virtual void delete_disk(const DiskCid& disk) = 0;
  virtual bool has_disk(const DiskCid& disk) = 0;
  virtual Json attach_disk(const VmCid& vm, const DiskCid& disk) = 0;  // the device hint, an object
  virtual void detach_disk(const VmCid& vm, const DiskCid& disk) = 0;
  virtual std::vector<DiskCid> get_disks(const VmCid& vm) = 0;
  virtual void set_disk_metadata(const DiskCid& disk, const Json& metadata) = 0;
  virtual void resize_disk(const DiskCid& disk, std::int64_t new_size_mib) = 0;
  virtual std::optional<DiskCid> update_disk(const DiskCid& disk, std::int64_t new_size_mib,
                                             const Json& cloud_properties) = 0;
  virtual SnapshotCid snapshot_disk(const DiskCid& disk, const Json& metadata) = 0;
  virtual void delete_snapshot(const SnapshotCid& snapshot) = 0;

  virtual Json create_network(const Json& subnet_definition) = 0;  // [id, {range…}, cloud_properties]
  virtual void delete_network(const NetworkCid& network) = 0;

  // Two methods that BOSH's contract does not have and no cloud has to: without them both are not_implemented.

  // What can be learnt of a VM from outside it, whether it runs or not: its console's output, and where the cloud
  // can read them the logs on its root and its journal. A gzip-compressed tar with at most `max_bytes` of content;
  // of a file that is too long the end. On the wire: the tar in base64.
  virtual std::string get_vm_logs(const VmCid& vm, std::int64_t max_bytes);
  // Ends the VM at once and for good, without asking the guest: it uses neither processor nor network any more, does
  // not start with its host, and reboot_vm of it is a cloud_error. It is still there, its disks can be detached, and
  // delete_vm deletes it. Repeats safely.
  virtual void power_off_vm(const VmCid& vm);
};

}  // namespace slipway::cpi
