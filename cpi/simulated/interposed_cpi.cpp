#include "cpi/simulated/interposed_cpi.hpp"

#include <type_traits>

namespace slipway::cpi {

namespace {

CallOnItsWay look(const char* method, std::optional<VmCid> vm = {}, std::optional<DiskCid> disk = {}) {
  return {.method = method, .changes = false, .vm = std::move(vm), .disk = std::move(disk)};
}

CallOnItsWay change(const char* method, std::optional<VmCid> vm = {}, std::optional<DiskCid> disk = {}) {
  return {.method = method, .changes = true, .vm = std::move(vm), .disk = std::move(disk)};
}

}  // namespace

template <class Action>
auto InterposedCpi::pass(const CallOnItsWay& call, Action&& action) {
  using Result = decltype(action());
  if constexpr (std::is_void_v<Result>) {
    around_(call, action);
  } else {
    std::optional<Result> result;
    around_(call, [&] { result.emplace(action()); });
    return std::move(*result);
  }
}

Info InterposedCpi::info() {
  return pass(look("info"), [&] { return cpi_.info(); });
}

StemcellCid InterposedCpi::create_stemcell(const std::string& image_path, const Json& cloud_properties,
                                           const Json& tags) {
  return pass(change("create_stemcell"), [&] { return cpi_.create_stemcell(image_path, cloud_properties, tags); });
}

void InterposedCpi::delete_stemcell(const StemcellCid& stemcell) {
  pass(change("delete_stemcell"), [&] { cpi_.delete_stemcell(stemcell); });
}

CreatedVm InterposedCpi::create_vm(const CreateVm& request) {
  auto call = change("create_vm");
  call.creates = request;
  return pass(call, [&] { return cpi_.create_vm(request); });
}

void InterposedCpi::delete_vm(const VmCid& vm) {
  pass(change("delete_vm", vm), [&] { cpi_.delete_vm(vm); });
}

void InterposedCpi::reboot_vm(const VmCid& vm) {
  pass(change("reboot_vm", vm), [&] { cpi_.reboot_vm(vm); });
}

bool InterposedCpi::has_vm(const VmCid& vm) {
  return pass(look("has_vm", vm), [&] { return cpi_.has_vm(vm); });
}

void InterposedCpi::set_vm_metadata(const VmCid& vm, const Json& metadata) {
  pass(change("set_vm_metadata", vm), [&] { cpi_.set_vm_metadata(vm, metadata); });
}

Json InterposedCpi::calculate_vm_cloud_properties(const VmRequirements& requirements) {
  return pass(look("calculate_vm_cloud_properties"), [&] { return cpi_.calculate_vm_cloud_properties(requirements); });
}

DiskCid InterposedCpi::create_disk(std::int64_t size_mib, const Json& cloud_properties,
                                   const std::optional<VmCid>& near_vm, const std::string& idempotency_key) {
  return pass(change("create_disk", near_vm),
              [&] { return cpi_.create_disk(size_mib, cloud_properties, near_vm, idempotency_key); });
}

void InterposedCpi::delete_disk(const DiskCid& disk) {
  pass(change("delete_disk", {}, disk), [&] { cpi_.delete_disk(disk); });
}

bool InterposedCpi::has_disk(const DiskCid& disk) {
  return pass(look("has_disk", {}, disk), [&] { return cpi_.has_disk(disk); });
}

Json InterposedCpi::attach_disk(const VmCid& vm, const DiskCid& disk) {
  return pass(change("attach_disk", vm, disk), [&] { return cpi_.attach_disk(vm, disk); });
}

void InterposedCpi::detach_disk(const VmCid& vm, const DiskCid& disk) {
  pass(change("detach_disk", vm, disk), [&] { cpi_.detach_disk(vm, disk); });
}

std::vector<DiskCid> InterposedCpi::get_disks(const VmCid& vm) {
  return pass(look("get_disks", vm), [&] { return cpi_.get_disks(vm); });
}

void InterposedCpi::set_disk_metadata(const DiskCid& disk, const Json& metadata) {
  pass(change("set_disk_metadata", {}, disk), [&] { cpi_.set_disk_metadata(disk, metadata); });
}

void InterposedCpi::resize_disk(const DiskCid& disk, std::int64_t new_size_mib) {
  pass(change("resize_disk", {}, disk), [&] { cpi_.resize_disk(disk, new_size_mib); });
}

std::optional<DiskCid> InterposedCpi::update_disk(const DiskCid& disk, std::int64_t new_size_mib,
                                                  const Json& cloud_properties) {
  return pass(change("update_disk", {}, disk), [&] { return cpi_.update_disk(disk, new_size_mib, cloud_properties); });
}

SnapshotCid InterposedCpi::snapshot_disk(const DiskCid& disk, const Json& metadata) {
  return pass(change("snapshot_disk", {}, disk), [&] { return cpi_.snapshot_disk(disk, metadata); });
}

void InterposedCpi::delete_snapshot(const SnapshotCid& snapshot) {
  pass(change("delete_snapshot"), [&] { cpi_.delete_snapshot(snapshot); });
}

Json InterposedCpi::create_network(const Json& subnet_definition) {
  return pass(change("create_network"), [&] { return cpi_.create_network(subnet_definition); });
}

void InterposedCpi::delete_network(const NetworkCid& network) {
  pass(change("delete_network"), [&] { cpi_.delete_network(network); });
}

std::string InterposedCpi::get_vm_logs(const VmCid& vm, std::int64_t max_bytes) {
  return pass(look("get_vm_logs", vm), [&] { return cpi_.get_vm_logs(vm, max_bytes); });
}

void InterposedCpi::power_off_vm(const VmCid& vm) {
  pass(change("power_off_vm", vm), [&] { cpi_.power_off_vm(vm); });
}

}  // namespace slipway::cpi
