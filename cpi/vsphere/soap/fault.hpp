#pragma once

#include <string>

#include "base/error.hpp"
#include "cpi/vsphere/soap/xml.hpp"

namespace slipway::cpi::vsphere {

// vSphere refused a call, or a task ended badly. `type()` is the fault's type in the API ("DuplicateName");
// fault() says what to do about it, see classify().
class VimFault : public Error {
 public:
  VimFault(const std::string& what, const std::string& type, const std::string& message, XmlIn detail);
  const std::string& type() const noexcept { return type_; }
  bool is(std::string_view type) const { return type_ == type; }
  const XmlIn& detail() const { return detail_; }

 private:
  std::string type_;
  XmlIn detail_;
};

// not_found: what was named is not there. conflict: a name is taken, or the object is in the wrong state.
// exhausted: no space on a datastore. retryable: busy, locked, out of reach or out of CPU and memory now.
// forbidden: a privilege is missing. unauthenticated: no session, or a wrong password.
Fault classify(std::string_view fault_type);

// Throws the VimFault that a SOAP <Fault> element carries. `what` names the call.
[[noreturn]] void throw_soap_fault(const std::string& what, const XmlIn& fault);
// Throws the VimFault of a LocalizedMethodFault, such as a task's error.
[[noreturn]] void throw_method_fault(const std::string& what, const XmlIn& localized);

}  // namespace slipway::cpi::vsphere
