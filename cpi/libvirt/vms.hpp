#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "cpi/contract/cpi.hpp"
#include "cpi/libvirt/config.hpp"
#include "cpi/libvirt/domain.hpp"
#include "cpi/libvirt/files.hpp"
#include "cpi/libvirt/hosts.hpp"
#include "cpi/libvirt/paths.hpp"
#include "cpi/libvirt/settings.hpp"
#include "cpi/libvirt/stemcells.hpp"

namespace slipway::cpi {

// A VM found: where it is, and its domain unless creating it was cut short, or its host is off.
struct FoundVm {
  const LibvirtHost* host = nullptr;
  std::optional<Domain> domain;
  bool host_is_off = false;
  StoragePaths paths() const { return StoragePaths(host->storage); }
};

// The VMs of all hosts. A VM's folder with its vm.json is written before anything else is
// made for it, and removed after everything else: whatever a crash leaves is found again by
// the VM's name, completed by the same create_vm and removed by delete_vm.
class Vms {
 public:
  Vms(const LibvirtConfig& config, Connections& connections, Hosts& hosts, StemcellStore& stemcells, const Log& log)
      : config_(config), connections_(connections), hosts_(hosts), stemcells_(stemcells), log_(log) {}

  CreatedVm create(const CreateVm& request);
  void remove(const VmCid& vm);
  void reboot(const VmCid& vm);
  void power_off(const VmCid& vm);  // for good

  std::optional<FoundVm> find(const VmCid& vm) const;   // also one without a domain
  // Throws vm_not_found without a domain, and cloud_error when the host is off.
  FoundVm get(const VmCid& vm) const;
  // Held while something about the VM changes. Throws vm_not_found.
  std::unique_ptr<FileLock> lock(const VmCid& vm, const FoundVm& found) const;

 private:
  const LibvirtHost* owner_of(const VmCid& vm) const;  // by its folder; null without one
  const LibvirtHost& choose_host(const VmWish& wish) const;
  CreatedVm create_on(const LibvirtHost& host, const CreateVm& request, const VmCid& vm, const VmWish& wish);
  void make_files(const LibvirtHost& host, const CreateVm& request, const VmCid& vm, const VmWish& wish) const;
  Domain make_domain(const LibvirtHost& host, const CreateVm& request, const VmCid& vm, const VmWish& wish);
  void tear_down(const VmCid& vm, const LibvirtHost& host);
  const LibvirtConfig& config_;
  Connections& connections_;
  Hosts& hosts_;
  StemcellStore& stemcells_;
  const Log& log_;
};

// KVM needs the processor's flag *and* the device: one without the other hangs the guest.
bool kvm_is_usable();

}  // namespace slipway::cpi
