#pragma once

#include <optional>
#include <string>

#include "cpi/aws/instance.hpp"

namespace slipway::cpi::aws {

// Persistent disks are /dev/sdf to /dev/sdp, as EC2 advises; the same letter as xvd is the same device.
bool is_persistent_device(const std::string& name);
std::optional<std::string> free_device(const Instance& instance);  // absent: all are in use

// Where the guest sees the volume. Instances of the Nitro system name it by its id, older ones by the device.
Json device_hint(const std::string& instance_type, const std::string& device, const std::string& volume_id);

}  // namespace slipway::cpi::aws
