#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cpi/aws/api/api.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi::aws {

struct InstanceInterface {
  std::string id, attachment_id, mac, ip, subnet;
  std::int64_t device_index = 0;
};

struct InstanceDevice {
  std::string name, volume_id, status;
  bool deleted_with_instance = false;
};

// What DescribeInstances and RunInstances tell of one instance.
struct Instance {
  std::string id, state, reason, type, availability_zone, root_device, agent;
  std::vector<InstanceInterface> interfaces;  // by device index
  std::vector<InstanceDevice> devices;

  bool lives() const {
    return state == "pending" || state == "running" || state == "stopping" || state == "stopped";
  }
  bool is_gone() const { return state == "terminated"; }
};

Instance read_instance(const Reply& item);

// Absent: EC2 does not know it, or the cid is none of EC2's. Terminated ones are found.
std::optional<Instance> find_instance(const Api& api, const VmCid& vm);
// Throws vm_not_found when it is absent or terminated.
Instance get_instance(const Api& api, const VmCid& vm);
// All with this agent id, terminated ones too for as long as EC2 shows them.
std::vector<Instance> instances_of_agent(const Api& api, const std::string& agent);

[[noreturn]] void throw_vm_not_found(const VmCid& vm);

}  // namespace slipway::cpi::aws
