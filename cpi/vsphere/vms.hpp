#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cpi/contract/cpi.hpp"
#include "cpi/vsphere/devices.hpp"
#include "cpi/vsphere/settings.hpp"
#include "cpi/vsphere/stemcells.hpp"

namespace slipway::cpi::vsphere {

// A VM as it is now.
struct VmState {
  MoRef ref;
  const DatacenterConfig* datacenter = nullptr;
  std::string name;
  bool powered_on = false;
  bool complete = false;  // create_vm came to its end, or to its last step
  MoRef host;
  std::string file;  // of its configuration: "[datastore] folder/name.vmx"
  std::string rule;  // anti-affinity rule it is in
  std::vector<Device> devices;
  XmlIn question;  // it waits for an answer
  const Device* disk(const DatastorePath& file) const;
};

// The VMs of all configured datacenters, in one folder of each. A VM is called "vm-" and its agent's id, and
// vCenter lets nobody have a name twice in a folder: that is what makes a repeated create_vm find the first
// one's VM, at whatever step that one was cut short, and bring it to its end.
class Vms {
 public:
  explicit Vms(Session& session) : session_(session) {}

  CreatedVm create(const CreateVm& request, const std::set<std::string>& near_datastores);
  void remove(const VmCid& vm);
  void reboot(const VmCid& vm);

  std::optional<VmState> find(const VmCid& vm);
  VmState get(const VmCid& vm);  // throws vm_not_found
  bool exists(const VmCid& vm);

  // One reconfiguration; nothing happens when `write` writes nothing.
  static void reconfigure(Session& session, const MoRef& vm, const Arguments& write);

 private:
  struct Found {
    MoRef ref;
    const DatacenterConfig* datacenter;
  };
  std::optional<Found> find_ref(const VmCid& vm);
  std::optional<VmState> read(const Found& found);
  Found clone(const CreateVm& request, const VmCid& vm, const VmWish& wish,
              const std::set<std::string>& near_datastores);
  CreatedVm complete(const CreateVm& request, const VmCid& vm, const VmWish& wish, const Found& found);
  Json settle(const CreateVm& request, const VmCid& vm, const VmWish& wish, const VmState& state);
  void power_on(const VmState& state, bool by_drs);
  void power_off(const VmState& state);
  void tear_down(const VmState& state);

  Session& session_;
};

}  // namespace slipway::cpi::vsphere
