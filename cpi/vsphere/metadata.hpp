#pragma once

#include "base/json.hpp"
#include "cpi/vsphere/session.hpp"

namespace slipway::cpi::vsphere {

// Writes metadata into the VM's custom attributes, which people see in vSphere's client. An attribute that is
// not defined yet is defined for VMs; one whose value is right already is not written.
void set_custom_fields(Session& session, const MoRef& vm, const Json& metadata);

}  // namespace slipway::cpi::vsphere
