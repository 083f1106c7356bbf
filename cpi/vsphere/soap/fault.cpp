#include "cpi/vsphere/soap/fault.hpp"

namespace slipway::cpi::vsphere {

namespace {

struct KnownFault {
  std::string_view name;
  Fault fault;
};

constexpr KnownFault known_faults[] = {
    {"NotAuthenticated", Fault::unauthenticated},
    {"InvalidLogin", Fault::unauthenticated},
    {"InvalidLocale", Fault::invalid},
    {"NoPermission", Fault::forbidden},
    {"RestrictedVersion", Fault::forbidden},  // a licence that does not write
    {"ManagedObjectNotFound", Fault::not_found},
    {"NotFound", Fault::not_found},
    {"FileNotFound", Fault::not_found},
    {"InvalidDatastore", Fault::not_found},
    {"DuplicateName", Fault::conflict},
    {"AlreadyExists", Fault::conflict},
    {"FileAlreadyExists", Fault::conflict},
    {"InvalidPowerState", Fault::conflict},
    {"InvalidState", Fault::conflict},
    {"ConcurrentAccess", Fault::conflict},
    {"ResourceInUse", Fault::conflict},
    {"InvalidDeviceSpec", Fault::conflict},  // its place was taken meanwhile
    {"NoDiskSpace", Fault::exhausted},
    {"InsufficientStorageSpace", Fault::exhausted},
    {"InsufficientStandbyResource", Fault::retryable},
    {"InsufficientCpuResourcesFault", Fault::retryable},
    {"InsufficientMemoryResourcesFault", Fault::retryable},
    {"InsufficientHostCapacityFault", Fault::retryable},
    {"InsufficientHostCpuCapacityFault", Fault::retryable},
    {"InsufficientHostMemoryCapacityFault", Fault::retryable},
    {"InsufficientResourcesFault", Fault::retryable},
    {"InsufficientFailoverResourcesFault", Fault::retryable},
    {"NoCompatibleHost", Fault::retryable},
    {"TaskInProgress", Fault::retryable},
    {"FileLocked", Fault::retryable},
    {"HostCommunication", Fault::retryable},
    {"HostNotConnected", Fault::retryable},
    {"HostNotReachable", Fault::retryable},
    {"Timedout", Fault::retryable},
    {"RequestCanceled", Fault::retryable},
};

std::string_view named(std::string_view element) {
  // The detail's element is called after the fault, with "Fault" behind it.
  constexpr std::string_view suffix = "Fault";
  if (element.ends_with(suffix) && element.size() > suffix.size()) element.remove_suffix(suffix.size());
  return element;
}

std::string missing_privilege(const XmlIn& detail) {
  std::string privileges = detail.text("privilegeId");
  for (const auto& missing : detail.children("missingPrivileges")) {
    for (const auto& id : missing.children("privilegeIds"))
      privileges += (privileges.empty() ? "" : ", ") + id.text();
  }
  if (privileges.empty()) return "";
  return ", the account lacks " + privileges + " on " + to_string(detail.ref("object"));
}

}  // namespace

VimFault::VimFault(const std::string& what, const std::string& type, const std::string& message, XmlIn detail)
    : Error(classify(type),
            what + ": " + type + (message.empty() ? "" : ": " + message) + missing_privilege(detail)),
      type_(type),
      detail_(std::move(detail)) {}

Fault classify(std::string_view fault_type) {
  for (const auto& [name, fault] : known_faults) {
    if (name == fault_type) return fault;
  }
  return Fault::internal;
}

void throw_soap_fault(const std::string& what, const XmlIn& fault) {
  const auto detail = fault.child("detail");
  const auto inner = detail.children();
  const auto message = fault.text("faultstring");
  if (inner.empty()) throw VimFault(what, "fault without detail", message, {});
  const auto& body = inner.front();
  throw VimFault(what, std::string(body.type().empty() ? named(body.name()) : body.type()), message, body);
}

void throw_method_fault(const std::string& what, const XmlIn& localized) {
  const auto fault = localized.child("fault");
  auto message = localized.text("localizedMessage");
  for (const auto& more : fault.children("faultMessage")) {
    const auto text = more.text("message");
    if (!text.empty()) message += (message.empty() ? "" : "; ") + text;
  }
  throw VimFault(what, std::string(fault.type().empty() ? "fault of no type" : fault.type()), message, fault);
}

}  // namespace slipway::cpi::vsphere
