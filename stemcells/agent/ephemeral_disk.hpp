#pragma once

#include <chrono>
#include <span>
#include <string>

#include "base/json.hpp"

namespace slipway::agent {

inline constexpr const char* ephemeral_label = "slipway-data";  // of the file system that the agent makes on it

// The device that a hint for the ephemeral disk means; waits for it. EC2's hints are the name that the volume was
// attached as, "/dev/sdb". Its older instances call it xvdb. Those of the Nitro system number NVMe disks as they find
// them: there it is the one whose controller says that name, and where none says any, as those of instance storage, the
// one that was made the ephemeral disk before, or else the first that is blank. Throws Fault::not_found.
std::string find_ephemeral_disk(const Json& hint, std::chrono::seconds limit);

// What a controller says in its answer to NVMe's "identify", 4096 bytes: "sdb". Empty where it is not of EC2 or says
// nothing.
std::string ec2_device_name(std::span<const unsigned char> identity);

}  // namespace slipway::agent
