#pragma once

#include <string>

#include "cpi/vsphere/properties.hpp"

namespace slipway::cpi::vsphere {

// "DC0/vm/slipway/vms" and what is in it.
std::string vm_folder_path(const DatacenterConfig& datacenter);
std::string template_folder_path(const DatacenterConfig& datacenter);

// The folder at `path` (below a datacenter's "vm"), made with all its parents when it is not there.
MoRef ensure_folder(Session& session, const DatacenterConfig& datacenter, const std::string& path);

// Destroys it; nothing when it is gone.
void destroy(Session& session, const MoRef& object);

}  // namespace slipway::cpi::vsphere
