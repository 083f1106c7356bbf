#include "cpi/simulated/simulated_cpi.hpp"

#include <filesystem>
#include <type_traits>

#include "base/digest.hpp"

namespace slipway::cpi {

namespace {

// The fault strikes before the effect.
void strike_before(CallFault fault, const std::string& method) {
  switch (fault) {
    case CallFault::error_before:
      throw CpiError(ErrorType::cloud_error, "simulated: " + method + " failed before it did anything");
    case CallFault::retry_before:
      throw CpiError(method == "create_vm" ? ErrorType::vm_creation_failed : ErrorType::cloud_error,
                     "simulated: the cloud is busy, try " + method + " again", true);
    case CallFault::no_space:
      throw CpiError(ErrorType::no_disk_space, "simulated: no space for " + method);
    case CallFault::unknown_before:
      throw CpiError(ErrorType::unknown, Fault::outcome_unknown, "simulated: " + method + " never answered", false);
    case CallFault::unsupported:
      throw CpiError(ErrorType::not_implemented, "simulated: this cloud has no " + method);
    case CallFault::error_after:
    case CallFault::unknown_after:
      return;
  }
}

void strike_after(CallFault fault, const std::string& method) {
  switch (fault) {
    case CallFault::error_after:
      throw CpiError(ErrorType::cloud_error, "simulated: " + method + " failed after it had done its work");
    case CallFault::unknown_after:
      throw CpiError(ErrorType::unknown, Fault::outcome_unknown, "simulated: " + method + " never answered", false);
    case CallFault::error_before:
    case CallFault::retry_before:
    case CallFault::no_space:
    case CallFault::unknown_before:
    case CallFault::unsupported:
      return;
  }
}

}  // namespace

SimulatedCpi::SimulatedCpi(SimulatedCloud& cloud, Clock& clock, std::uint64_t seed, FaultPlan plan)
    : cloud_(cloud), clock_(clock), random_(seed), plan_(std::move(plan)) {}

void SimulatedCpi::set_plan(FaultPlan plan) {
  const std::lock_guard lock(mutex_);
  plan_ = std::move(plan);
}

void SimulatedCpi::fail_next(const std::string& method, CallFault fault, int times) {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < times; ++i) scripted_[method].push_back(fault);
}

int SimulatedCpi::calls(const std::string& method) const {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(method);
  return found == calls_.end() ? 0 : found->second;
}

std::map<std::string, int> SimulatedCpi::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

SimulatedCpi::Draw SimulatedCpi::draw(const std::string& method, bool changes) {
  const std::lock_guard lock(mutex_);
  ++calls_[method];
  Draw drawn;
  drawn.hang = plan_.hang;
  drawn.latency = plan_.min_latency;
  if (plan_.max_latency > plan_.min_latency) {
    const auto span = static_cast<std::uint64_t>((plan_.max_latency - plan_.min_latency).count());
    drawn.latency += Duration{static_cast<std::int64_t>(random_.below(span + 1))};
  }
  if (auto& queue = scripted_[method]; !queue.empty()) {
    drawn.fault = queue.front();
    queue.pop_front();
    return drawn;
  }
  if (!changes || (!plan_.methods.empty() && !plan_.methods.contains(method))) return drawn;
  constexpr std::uint64_t resolution = 1u << 30;
  for (const auto& [fault, chance] : plan_.chances) {
    if (static_cast<double>(random_.below(resolution)) < chance * static_cast<double>(resolution)) {
      drawn.fault = fault;
      break;
    }
  }
  return drawn;
}

template <class Action>
auto SimulatedCpi::changing(const std::string& method, Action&& action) {
  const auto drawn = draw(method, true);
  if (drawn.latency > Duration::zero()) clock_.sleep_for(drawn.latency);
  const auto hang_if = [&](CallFault kind) {
    if (drawn.fault == kind && drawn.hang > Duration::zero()) clock_.sleep_for(drawn.hang);
  };
  hang_if(CallFault::unknown_before);
  if (drawn.fault) strike_before(*drawn.fault, method);
  const auto end = [&] {
    hang_if(CallFault::unknown_after);
    if (drawn.fault) strike_after(*drawn.fault, method);
  };
  if constexpr (std::is_void_v<decltype(action())>) {
    action();
    end();
  } else {
    auto result = action();
    end();
    return result;
  }
}

template <class Action>
auto SimulatedCpi::looking(const std::string& method, Action&& action) {
  const auto drawn = draw(method, false);
  if (drawn.latency > Duration::zero()) clock_.sleep_for(drawn.latency);
  if (drawn.fault) strike_before(*drawn.fault, method);
  return action();
}

Info SimulatedCpi::info() {
  return looking("info", [] { return Info{3, {"slipway-rootfs", "simulated"}}; });
}

StemcellCid SimulatedCpi::create_stemcell(const std::string& image_path, const Json& cloud_properties,
                                          const Json& tags) {
  return changing("create_stemcell", [&] {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(image_path, ignored)) {
      throw CpiError(ErrorType::cloud_error, Fault::invalid, "Stemcell image '" + image_path + "' is not a file", false);
    }
    return cloud_.create_stemcell(sha256_of_file(image_path), cloud_properties, tags);
  });
}

void SimulatedCpi::delete_stemcell(const StemcellCid& stemcell) {
  changing("delete_stemcell", [&] { cloud_.delete_stemcell(stemcell); });
}

CreatedVm SimulatedCpi::create_vm(const CreateVm& request) {
  return changing("create_vm", [&] { return cloud_.create_vm(request); });
}

void SimulatedCpi::delete_vm(const VmCid& vm) {
  changing("delete_vm", [&] { cloud_.delete_vm(vm); });
}

void SimulatedCpi::reboot_vm(const VmCid& vm) {
  changing("reboot_vm", [&] { cloud_.reboot_vm(vm); });
}

bool SimulatedCpi::has_vm(const VmCid& vm) {
  return looking("has_vm", [&] { return cloud_.find_vm(vm).has_value(); });
}

void SimulatedCpi::set_vm_metadata(const VmCid& vm, const Json& metadata) {
  changing("set_vm_metadata", [&] { cloud_.set_vm_metadata(vm, metadata); });
}

Json SimulatedCpi::calculate_vm_cloud_properties(const VmRequirements& requirements) {
  return looking("calculate_vm_cloud_properties", [&] {
    return Json{{"cpu", requirements.cpu},
                {"ram", requirements.ram_mib},
                {"ephemeral_disk", requirements.ephemeral_disk_mib}};
  });
}

DiskCid SimulatedCpi::create_disk(std::int64_t size_mib, const Json& cloud_properties,
                                  const std::optional<VmCid>& near_vm, const std::string& idempotency_key) {
  return changing("create_disk", [&] {
    if (size_mib < 1) {
      throw CpiError(ErrorType::cloud_error, Fault::invalid,
                     "A disk of " + std::to_string(size_mib) + " MiB is not possible; at least 1 is", false);
    }
    return cloud_.create_disk(size_mib, cloud_properties, near_vm, idempotency_key);
  });
}

void SimulatedCpi::delete_disk(const DiskCid& disk) {
  changing("delete_disk", [&] { cloud_.delete_disk(disk); });
}

bool SimulatedCpi::has_disk(const DiskCid& disk) {
  return looking("has_disk", [&] { return cloud_.find_disk(disk).has_value(); });
}

Json SimulatedCpi::attach_disk(const VmCid& vm, const DiskCid& disk) {
  return changing("attach_disk", [&] { return cloud_.attach_disk(vm, disk); });
}

void SimulatedCpi::detach_disk(const VmCid& vm, const DiskCid& disk) {
  changing("detach_disk", [&] { cloud_.detach_disk(vm, disk); });
}

std::vector<DiskCid> SimulatedCpi::get_disks(const VmCid& vm) {
  return looking("get_disks", [&] { return cloud_.disks_of(vm); });
}

void SimulatedCpi::set_disk_metadata(const DiskCid& disk, const Json& metadata) {
  changing("set_disk_metadata", [&] { cloud_.set_disk_metadata(disk, metadata); });
}

void SimulatedCpi::resize_disk(const DiskCid& disk, std::int64_t new_size_mib) {
  changing("resize_disk", [&] { cloud_.resize_disk(disk, new_size_mib); });
}

std::optional<DiskCid> SimulatedCpi::update_disk(const DiskCid& disk, std::int64_t new_size_mib,
                                                 const Json& cloud_properties) {
  return changing("update_disk", [&]() -> std::optional<DiskCid> {
    cloud_.update_disk(disk, new_size_mib, cloud_properties);
    return std::nullopt;
  });
}

SnapshotCid SimulatedCpi::snapshot_disk(const DiskCid& disk, const Json& metadata) {
  return changing("snapshot_disk", [&] { return cloud_.snapshot_disk(disk, metadata); });
}

void SimulatedCpi::delete_snapshot(const SnapshotCid& snapshot) {
  changing("delete_snapshot", [&] { cloud_.delete_snapshot(snapshot); });
}

Json SimulatedCpi::create_network(const Json& subnet_definition) {
  return changing("create_network", [&] { return cloud_.create_network(subnet_definition); });
}

void SimulatedCpi::delete_network(const NetworkCid& network) {
  changing("delete_network", [&] { cloud_.delete_network(network); });
}

std::string SimulatedCpi::get_vm_logs(const VmCid& vm, std::int64_t max_bytes) {
  return looking("get_vm_logs", [&] { return cloud_.logs_of(vm, max_bytes); });
}

void SimulatedCpi::power_off_vm(const VmCid& vm) {
  changing("power_off_vm", [&] { cloud_.power_off_vm(vm); });
}

}  // namespace slipway::cpi
