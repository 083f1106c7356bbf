#include "cpi/aws/aws_cpi.hpp"

#include "cpi/aws/instance_types.hpp"

namespace slipway::cpi::aws {

namespace {

constexpr const char* session_name = "slipway-cpi";

bool may_succeed_later(const Error& error) {
  if (const auto* aws = dynamic_cast<const AwsError*>(&error)) {
    if (is_capacity_error(*aws) || aws->is("InvalidIPAddress.InUse") || aws->is("Unavailable") ||
        aws->is("InternalError"))
      return true;
  }
  // What asks again finds what may have been made by its agent id or key.
  return error.fault() == Fault::retryable || error.fault() == Fault::outcome_unknown;
}

// Runs a method; whatever it throws leaves as the CpiError of the contract.
template <class Action>
auto translated(ErrorType otherwise, Action&& action) {
  try {
    return action();
  } catch (const CpiError&) {
    throw;
  } catch (const Error& error) {
    throw CpiError(otherwise, error.what(), may_succeed_later(error));
  }
}

template <class Action>
auto translated(Action&& action) {
  return translated(ErrorType::cloud_error, std::forward<Action>(action));
}

std::unique_ptr<const Api> make_api(const AwsConfig& config, Clock& clock, Random& random, const Log& log) {
  std::shared_ptr<CredentialsSource> source;
  if (config.credentials_from == CredentialsFrom::instance_profile) {
    source = std::make_shared<LentCredentials>(clock, instance_profile(config.metadata_endpoint));
  } else {
    source = std::make_shared<StaticCredentials>(config.static_credentials);
  }
  return std::make_unique<const Api>(config.api, std::move(source), clock, random, log);
}

std::unique_ptr<const Api> assume(const AwsConfig& config, const Api& own, Clock& clock, Random& random,
                                  const Log& log) {
  if (config.role_arn.empty()) return nullptr;
  auto source = std::make_shared<LentCredentials>(clock, [&config, &own] {
    return own.assume_role(config.role_arn, session_name, config.role_external_id);
  });
  return std::make_unique<const Api>(config.api, std::move(source), clock, random, log);
}

}  // namespace

AwsCpi::AwsCpi(AwsConfig config, Clock& clock, Random& random, Log log)
    : config_(std::move(config)),
      log_(std::move(log)),
      own_(make_api(config_, clock, random, log_)),
      assumed_(assume(config_, *own_, clock, random, log_)),
      api_(assumed_ ? *assumed_ : *own_),
      stemcells_(config_, api_),
      vms_(config_, api_),
      volumes_(config_, api_),
      snapshots_(config_, api_) {}

Info AwsCpi::info() { return {3, {"aws-raw", "aws-light"}}; }

StemcellCid AwsCpi::create_stemcell(const std::string& image_path, const Json& cloud_properties,
                                    const Json& tags) {
  return translated([&] { return stemcells_.create(image_path, cloud_properties, tags); });
}

void AwsCpi::delete_stemcell(const StemcellCid& stemcell) {
  translated([&] { stemcells_.remove(stemcell); });
}

CreatedVm AwsCpi::create_vm(const CreateVm& request) {
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

void AwsCpi::delete_vm(const VmCid& vm) {
  translated([&] { vms_.remove(vm); });
  log_.info("vm.deleted", {{"vm", vm.value}});
}

void AwsCpi::reboot_vm(const VmCid& vm) {
  translated([&] { vms_.reboot(vm); });
}

bool AwsCpi::has_vm(const VmCid& vm) {
  return translated([&] {
    const auto found = find_instance(api_, vm);
    return found && !found->is_gone();
  });
}

void AwsCpi::set_vm_metadata(const VmCid& vm, const Json& metadata) {
  translated([&] { vms_.set_metadata(vm, metadata); });
}

Json AwsCpi::calculate_vm_cloud_properties(const VmRequirements& requirements) {
  const auto type = smallest_instance_type(requirements);
  if (!type) {
    throw CpiError(ErrorType::cloud_error, Fault::invalid,
                   "no instance type has " + std::to_string(requirements.cpu) + " processors and " +
                       std::to_string(requirements.ram_mib) +
                       " MiB of memory; name one in cloud_properties.instance_type",
                   false);
  }
  Json properties{{"instance_type", *type}};
  if (requirements.ephemeral_disk_mib > 0)
    properties["ephemeral_disk"] = {{"size", requirements.ephemeral_disk_mib}};
  return properties;
}

DiskCid AwsCpi::create_disk(std::int64_t size_mib, const Json& cloud_properties,
                            const std::optional<VmCid>& near_vm, const std::string& idempotency_key) {
  return translated([&] { return volumes_.create(size_mib, cloud_properties, near_vm, idempotency_key); });
}

void AwsCpi::delete_disk(const DiskCid& disk) {
  translated([&] { volumes_.remove(disk); });
}

bool AwsCpi::has_disk(const DiskCid& disk) {
  return translated([&] { return volumes_.exists(disk); });
}

Json AwsCpi::attach_disk(const VmCid& vm, const DiskCid& disk) {
  return translated([&] { return volumes_.attach(vm, disk); });
}

void AwsCpi::detach_disk(const VmCid& vm, const DiskCid& disk) {
  translated([&] { volumes_.detach(vm, disk); });
}

std::vector<DiskCid> AwsCpi::get_disks(const VmCid& vm) {
  return translated([&] { return volumes_.of(vm); });
}

void AwsCpi::set_disk_metadata(const DiskCid& disk, const Json& metadata) {
  translated([&] { volumes_.set_metadata(disk, metadata); });
}

void AwsCpi::resize_disk(const DiskCid& disk, std::int64_t new_size_mib) {
  translated([&] { volumes_.resize(disk, new_size_mib); });
}

std::optional<DiskCid> AwsCpi::update_disk(const DiskCid& disk, std::int64_t new_size_mib,
                                           const Json& cloud_properties) {
  translated([&] { volumes_.update(disk, new_size_mib, cloud_properties); });
  return std::nullopt;
}

SnapshotCid AwsCpi::snapshot_disk(const DiskCid& disk, const Json& metadata) {
  return translated([&] { return snapshots_.create(disk, metadata); });
}

void AwsCpi::delete_snapshot(const SnapshotCid& snapshot) {
  translated([&] { snapshots_.remove(snapshot); });
}

Json AwsCpi::create_network(const Json&) {
  throw CpiError(ErrorType::not_implemented,
                 "this CPI uses subnets that the account's owner made; name one in cloud_properties.subnet");
}

void AwsCpi::delete_network(const NetworkCid&) {
  throw CpiError(ErrorType::not_implemented, "this CPI makes no networks");
}

}  // namespace slipway::cpi::aws
