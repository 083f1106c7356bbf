#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cpi/vsphere/soap/xml.hpp"

namespace slipway::cpi::vsphere {

// Writes a call's arguments after its `_this`, in the schema's order.
using Arguments = std::function<void(XmlOut&)>;

std::string soap_request(std::string_view method, const MoRef& self, const Arguments& arguments);

// The <METHODResponse> element. Throws VimFault for a SOAP fault, Fault::outcome_unknown for anything that
// is no answer to the method. `what` names the call in errors.
XmlIn soap_response(std::string_view body, std::string_view method, const std::string& what);

}  // namespace slipway::cpi::vsphere
