#include "cpi/contract/cpi.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace slipway::cpi {

namespace {

constexpr std::string_view prefix = "Bosh::Clouds::";

constexpr std::array<std::pair<ErrorType, std::string_view>, 10> names{{
    {ErrorType::vm_creation_failed, "VMCreationFailed"},
    {ErrorType::vm_not_found, "VMNotFound"},
    {ErrorType::disk_not_found, "DiskNotFound"},
    {ErrorType::disk_not_attached, "DiskNotAttached"},
    {ErrorType::no_disk_space, "NoDiskSpace"},
    {ErrorType::network_not_found, "NetworkNotFound"},
    {ErrorType::not_implemented, "NotImplemented"},
    {ErrorType::not_supported, "NotSupported"},
    {ErrorType::cloud_error, "CloudError"},
    {ErrorType::cpi_error, "CpiError"},
}};

Fault fault_of(ErrorType type, bool ok_to_retry) {
  switch (type) {
    case ErrorType::vm_not_found:
    case ErrorType::disk_not_found:
    case ErrorType::network_not_found:
      return Fault::not_found;
    case ErrorType::disk_not_attached:
      return Fault::conflict;
    case ErrorType::no_disk_space:
      return ok_to_retry ? Fault::retryable : Fault::exhausted;
    case ErrorType::vm_creation_failed:
    case ErrorType::not_implemented:
    case ErrorType::not_supported:
    case ErrorType::cloud_error:
    case ErrorType::cpi_error:
    case ErrorType::unknown:
      return ok_to_retry ? Fault::retryable : Fault::internal;
  }
  return Fault::internal;
}

}  // namespace

std::string to_wire(ErrorType type) {
  for (const auto& [known, name] : names) {
    if (known == type) return std::string(prefix) + std::string(name);
  }
  return "Unknown";
}

ErrorType error_type_from_wire(const std::string& type) {
  if (type.rfind(prefix, 0) != 0) return ErrorType::unknown;
  const auto bare = std::string_view(type).substr(prefix.size());
  for (const auto& [known, name] : names) {
    if (name == bare) return known;
  }
  return ErrorType::unknown;
}

CpiError::CpiError(ErrorType type, const std::string& message, bool ok_to_retry)
    : CpiError(type, fault_of(type, ok_to_retry), message, ok_to_retry) {}

CpiError::CpiError(ErrorType type, Fault fault, const std::string& message, bool ok_to_retry)
    : Error(fault, message), type_(type), ok_to_retry_(ok_to_retry) {}

std::string Cpi::get_vm_logs(const VmCid&, std::int64_t) {
  throw CpiError(ErrorType::not_implemented, "this cloud has no get_vm_logs");
}

void Cpi::power_off_vm(const VmCid&) {
  throw CpiError(ErrorType::not_implemented, "this cloud has no power_off_vm");
}

}  // namespace slipway::cpi
