#include "cpi/libvirt/libvirt_cpi.hpp"

#include <filesystem>

#include "cpi/libvirt/vm_logs.hpp"

namespace slipway::cpi {

namespace {

// Runs a method; whatever it throws leaves as the CpiError of the contract.
template <class Action>
auto translated(ErrorType otherwise, Action&& action) {
  try {
    return action();
  } catch (const CpiError&) {
    throw;
  } catch (const Error& error) {
    if (error.fault() == Fault::exhausted) throw CpiError(ErrorType::no_disk_space, error.what());
    throw CpiError(otherwise, error.what(), error.fault() == Fault::retryable);
  } catch (const std::filesystem::filesystem_error& error) {
    if (error.code() == std::errc::no_space_on_device) throw CpiError(ErrorType::no_disk_space, error.what());
    throw CpiError(otherwise, error.what());
  }
}

template <class Action>
auto translated(Action&& action) {
  return translated(ErrorType::cloud_error, std::forward<Action>(action));
}

// One line that says whose a domain is, for people who list domains.
std::string title_of(const Json& metadata) {
  const auto text = [&](const char* key) {
    const auto found = metadata.find(key);
    if (found == metadata.end() || found->is_null()) return std::string();
    return found->is_string() ? found->get<std::string>() : found->dump();
  };
  auto title = text("deployment") + " " + (text("name").empty() ? text("job") + "/" + text("index") : text("name"));
  for (auto& c : title) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return title;
}

}  // namespace

LibvirtCpi::LibvirtCpi(LibvirtConfig config, Log log)
    : config_(std::move(config)),
      log_(std::move(log)),
      hosts_(config_, connections_, log_),
      stemcells_(config_),
      vms_(config_, connections_, hosts_, stemcells_, log_),
      disks_(config_, vms_, random_) {}

Info LibvirtCpi::info() { return {3, {"slipway-rootfs"}}; }

StemcellCid LibvirtCpi::create_stemcell(const std::string& image_path, const Json&, const Json& tags) {
  return translated([&] { return stemcells_.create(image_path, tags); });
}

void LibvirtCpi::delete_stemcell(const StemcellCid& stemcell) {
  translated([&] { stemcells_.remove(stemcell); });
}

CreatedVm LibvirtCpi::create_vm(const CreateVm& request) {
  return translated(ErrorType::vm_creation_failed, [&] {
    try {
      auto created = vms_.create(request);
      log_.info("vm.created", {{"vm", created.vm.value}});
      return created;
    } catch (const CpiError& error) {
      // The director's retries look for this type alone.
      if (error.type() != ErrorType::cloud_error) throw;
      throw CpiError(ErrorType::vm_creation_failed, error.what(), error.ok_to_retry());
    }
  });
}

void LibvirtCpi::delete_vm(const VmCid& vm) {
  translated([&] { vms_.remove(vm); });
  log_.info("vm.deleted", {{"vm", vm.value}});
}

void LibvirtCpi::reboot_vm(const VmCid& vm) {
  translated([&] { vms_.reboot(vm); });
}

bool LibvirtCpi::has_vm(const VmCid& vm) {
  return translated([&] {
    const auto found = vms_.find(vm);
    // Off with its host, it comes back with it unless it is deleted.
    return found && (found->domain || found->host_is_off);
  });
}

void LibvirtCpi::set_vm_metadata(const VmCid& vm, const Json& metadata) {
  translated([&] { vms_.get(vm).domain->set_metadata(title_of(metadata), metadata); });
}

Json LibvirtCpi::calculate_vm_cloud_properties(const VmRequirements& requirements) {
  return {{"cpu", requirements.cpu}, {"ram", requirements.ram_mib}, {"ephemeral_disk", requirements.ephemeral_disk_mib}};
}

DiskCid LibvirtCpi::create_disk(std::int64_t size_mib, const Json& cloud_properties, const std::optional<VmCid>& near_vm,
                                const std::string& idempotency_key) {
  return translated([&] { return disks_.create(size_mib, cloud_properties, near_vm, idempotency_key); });
}

void LibvirtCpi::delete_disk(const DiskCid& disk) {
  translated([&] { disks_.remove(disk); });
}

bool LibvirtCpi::has_disk(const DiskCid& disk) {
  return translated([&] { return disks_.exists(disk); });
}

Json LibvirtCpi::attach_disk(const VmCid& vm, const DiskCid& disk) {
  return translated([&] { return disks_.attach(vm, disk); });
}

void LibvirtCpi::detach_disk(const VmCid& vm, const DiskCid& disk) {
  translated([&] { disks_.detach(vm, disk); });
}

std::vector<DiskCid> LibvirtCpi::get_disks(const VmCid& vm) {
  return translated([&] { return disks_.of(vm); });
}

void LibvirtCpi::set_disk_metadata(const DiskCid& disk, const Json& metadata) {
  translated([&] { disks_.set_metadata(disk, metadata); });
}

void LibvirtCpi::resize_disk(const DiskCid& disk, std::int64_t new_size_mib) {
  translated([&] { disks_.resize(disk, new_size_mib, nullptr); });
}

std::optional<DiskCid> LibvirtCpi::update_disk(const DiskCid& disk, std::int64_t new_size_mib, const Json& cloud_properties) {
  translated([&] { disks_.resize(disk, new_size_mib, &cloud_properties); });
  return std::nullopt;
}

SnapshotCid LibvirtCpi::snapshot_disk(const DiskCid& disk, const Json& metadata) {
  return translated([&] { return disks_.snapshot(disk, metadata); });
}

void LibvirtCpi::delete_snapshot(const SnapshotCid& snapshot) {
  translated([&] { disks_.remove_snapshot(snapshot); });
}

Json LibvirtCpi::create_network(const Json&) {
  throw CpiError(ErrorType::not_implemented, "this CPI uses bridges that the hosts' owner made; name one in cloud_properties.bridge");
}

void LibvirtCpi::delete_network(const NetworkCid&) {
  throw CpiError(ErrorType::not_implemented, "this CPI makes no networks");
}

// Also of a VM whose domain is gone: its folder may be there.
std::string LibvirtCpi::get_vm_logs(const VmCid& vm, std::int64_t max_bytes) {
  return translated([&] {
    const auto found = vms_.find(vm);
    if (!found) throw CpiError(ErrorType::vm_not_found, "VM '" + vm.value + "' does not exist");
    return logs_of(vm, *found, max_bytes);
  });
}

void LibvirtCpi::power_off_vm(const VmCid& vm) {
  translated([&] { vms_.power_off(vm); });
  log_.info("vm.powered_off", {{"vm", vm.value}});
}

}  // namespace slipway::cpi
