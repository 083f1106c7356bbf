#include "cpi/vsphere/vsphere_cpi.hpp"

#include <filesystem>

#include "cpi/vsphere/disks.hpp"
#include "cpi/vsphere/metadata.hpp"
#include "cpi/vsphere/stemcells.hpp"
#include "cpi/vsphere/vms.hpp"

namespace slipway::cpi::vsphere {

VsphereCpi::VsphereCpi(VsphereConfig config, Log log, std::size_t sessions_kept,
                       std::shared_ptr<Transport> transport)
    : config_(std::move(config)),
      log_(std::move(log)),
      sessions_kept_(sessions_kept),
      redactor_(Json::object(), {config_.password.reveal()}),
      transport_(transport ? std::move(transport)
                           : std::make_shared<HttpTransport>(config_.ca_pem, config_.verify_tls)) {}

VsphereCpi::~VsphereCpi() = default;

std::unique_ptr<Session> VsphereCpi::take_session() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto session = std::move(idle_.back());
      idle_.pop_back();
      return session;
    }
  }
  return std::make_unique<Session>(config_, *transport_, clock_, random_, log_);
}

void VsphereCpi::give_back(std::unique_ptr<Session> session) {
  if (!session->is_usable()) return;
  {
    const std::lock_guard lock(mutex_);
    if (idle_.size() >= sessions_kept_) return;
  }
  try {
    session->destroy_dropped_filters();
  } catch (const Error& error) {
    log_.debug("vsphere.filters", {{"error", error.what()}});
    return;
  }
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(session));
}

// Runs a method with a session of its own; whatever it throws leaves as the CpiError of the contract. The
// password is in no message of ours, but a server may repeat what it was sent.
template <class Action>
auto VsphereCpi::with_session(ErrorType otherwise, Action&& action) {
  auto session = take_session();
  // Also when it throws: the session is as good as before.
  const std::shared_ptr<void> returned(nullptr, [&](void*) { give_back(std::move(session)); });
  try {
    return action(*session);
  } catch (const CpiError& error) {
    throw CpiError(error.type(), error.fault(), redactor_.text(error.what()), error.ok_to_retry());
  } catch (const Error& error) {
    const auto text = redactor_.text(error.what());
    if (error.fault() == Fault::exhausted) throw CpiError(ErrorType::no_disk_space, text);
    const bool again = error.fault() == Fault::retryable || error.fault() == Fault::outcome_unknown ||
                       error.fault() == Fault::conflict;
    throw CpiError(otherwise, error.fault(), text, again);
  } catch (const std::filesystem::filesystem_error& error) {
    throw CpiError(error.code() == std::errc::no_space_on_device ? ErrorType::no_disk_space : otherwise,
                   error.what());
  }
}

template <class Action>
auto VsphereCpi::with_disks(Action&& action) {
  return with_session(ErrorType::cloud_error, [&](Session& session) {
    Vms vms(session);
    Disks disks(session, vms);
    return action(disks);
  });
}

Info VsphereCpi::info() { return {3, {"vsphere-ovf", "vsphere-ova"}}; }

StemcellCid VsphereCpi::create_stemcell(const std::string& image_path, const Json&, const Json&) {
  return with_session(ErrorType::cloud_error,
                      [&](Session& session) { return Stemcells(session).create(image_path); });
}

void VsphereCpi::delete_stemcell(const StemcellCid& stemcell) {
  with_session(ErrorType::cloud_error, [&](Session& session) { Stemcells(session).remove(stemcell); });
}

CreatedVm VsphereCpi::create_vm(const CreateVm& request) {
  return with_session(ErrorType::vm_creation_failed, [&](Session& session) {
    Vms vms(session);
    try {
      auto near =
          request.disks.empty() ? std::set<std::string>() : Disks(session, vms).datastores_of(request.disks);
      auto created = vms.create(request, near);
      log_.info("vm.created", {{"vm", created.vm.value}});
      return created;
    } catch (const CpiError& error) {
      // The director's retries look for this type alone.
      if (error.type() != ErrorType::cloud_error) throw;
      throw CpiError(ErrorType::vm_creation_failed, error.fault(), error.what(), error.ok_to_retry());
    }
  });
}

void VsphereCpi::delete_vm(const VmCid& vm) {
  with_session(ErrorType::cloud_error, [&](Session& session) { Vms(session).remove(vm); });
  log_.info("vm.deleted", {{"vm", vm.value}});
}

void VsphereCpi::reboot_vm(const VmCid& vm) {
  with_session(ErrorType::cloud_error, [&](Session& session) { Vms(session).reboot(vm); });
}

bool VsphereCpi::has_vm(const VmCid& vm) {
  return with_session(ErrorType::cloud_error, [&](Session& session) { return Vms(session).exists(vm); });
}

void VsphereCpi::set_vm_metadata(const VmCid& vm, const Json& metadata) {
  with_session(ErrorType::cloud_error,
               [&](Session& session) { set_custom_fields(session, Vms(session).get(vm).ref, metadata); });
}

Json VsphereCpi::calculate_vm_cloud_properties(const VmRequirements& requirements) {
  return {
      {"cpu", requirements.cpu}, {"ram", requirements.ram_mib}, {"disk", requirements.ephemeral_disk_mib}};
}

DiskCid VsphereCpi::create_disk(std::int64_t size_mib, const Json& cloud_properties,
                                const std::optional<VmCid>& near_vm, const std::string& idempotency_key) {
  return with_disks(
      [&](Disks& disks) { return disks.create(size_mib, cloud_properties, near_vm, idempotency_key); });
}

void VsphereCpi::delete_disk(const DiskCid& disk) {
  with_disks([&](Disks& disks) { disks.remove(disk); });
}

bool VsphereCpi::has_disk(const DiskCid& disk) {
  return with_disks([&](Disks& disks) { return disks.exists(disk); });
}

Json VsphereCpi::attach_disk(const VmCid& vm, const DiskCid& disk) {
  return with_disks([&](Disks& disks) { return disks.attach(vm, disk); });
}

void VsphereCpi::detach_disk(const VmCid& vm, const DiskCid& disk) {
  with_disks([&](Disks& disks) { disks.detach(vm, disk); });
}

std::vector<DiskCid> VsphereCpi::get_disks(const VmCid& vm) {
  return with_disks([&](Disks& disks) { return disks.of(vm); });
}

void VsphereCpi::set_disk_metadata(const DiskCid& disk, const Json& metadata) {
  with_disks([&](Disks& disks) { disks.set_metadata(disk, metadata); });
}

void VsphereCpi::resize_disk(const DiskCid& disk, std::int64_t new_size_mib) {
  with_disks([&](Disks& disks) { disks.resize(disk, new_size_mib, nullptr); });
}

std::optional<DiskCid> VsphereCpi::update_disk(const DiskCid& disk, std::int64_t new_size_mib,
                                               const Json& cloud_properties) {
  with_disks([&](Disks& disks) { disks.resize(disk, new_size_mib, &cloud_properties); });
  return std::nullopt;
}

SnapshotCid VsphereCpi::snapshot_disk(const DiskCid& disk, const Json& metadata) {
  return with_disks([&](Disks& disks) { return disks.snapshot(disk, metadata); });
}

void VsphereCpi::delete_snapshot(const SnapshotCid& snapshot) {
  with_disks([&](Disks& disks) { disks.remove_snapshot(snapshot); });
}

Json VsphereCpi::create_network(const Json&) {
  throw CpiError(
      ErrorType::not_implemented,
      "this CPI uses port groups that the vCenter's owner made; name one in cloud_properties.name");
}

void VsphereCpi::delete_network(const NetworkCid&) {
  throw CpiError(ErrorType::not_implemented, "this CPI makes no networks");
}

}  // namespace slipway::cpi::vsphere
