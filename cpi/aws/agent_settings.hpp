#pragma once

#include <map>
#include <string>

#include "cpi/aws/config.hpp"
#include "cpi/aws/vm_wish.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi::aws {

// The agent's settings, the same for the same request: what the user data holds is part of what
// a client token stands for. `macs` by network name, where they are known before the instance.
// Source: contracts/agent-cpi.md section 1.
Json agent_settings(const CreateVm& request, const VmWish& wish, const AwsConfig& config,
                    const std::string& root_device, const std::map<std::string, std::string>& macs);

// Base64 of the settings as they go into RunInstances. Throws VMCreationFailed beyond EC2's 16 KiB.
std::string user_data(const Json& settings);

inline constexpr const char* ephemeral_device = "/dev/sdb";

}  // namespace slipway::cpi::aws
