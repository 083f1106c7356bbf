#include "cpi/aws/instance.hpp"

#include <algorithm>

#include "cpi/aws/names.hpp"

namespace slipway::cpi::aws {

Instance read_instance(const Reply& item) {
  Instance instance{.id = item.text("instanceId"),
                    .state = item.text("instanceState/name"),
                    .reason = item.text("stateReason/code") + " " + item.text("stateReason/message"),
                    .type = item.text("instanceType"),
                    .availability_zone = item.text("placement/availabilityZone"),
                    .root_device = item.text("rootDeviceName")};
  for (const auto& tag : item.items("tagSet")) {
    if (tag.text("key") == agent_tag) instance.agent = tag.text("value");
  }
  for (const auto& nic : item.items("networkInterfaceSet")) {
    auto ip = nic.text("privateIpAddress");
    if (ip.empty() && !nic.items("ipv6AddressesSet").empty())
      ip = nic.items("ipv6AddressesSet").front().text("ipv6Address");
    instance.interfaces.push_back({.id = nic.text("networkInterfaceId"),
                                   .attachment_id = nic.text("attachment/attachmentId"),
                                   .mac = nic.text("macAddress"),
                                   .ip = ip,
                                   .subnet = nic.text("subnetId"),
                                   .device_index = nic.integer("attachment/deviceIndex").value_or(0)});
  }
  std::sort(instance.interfaces.begin(), instance.interfaces.end(),
            [](const auto& a, const auto& b) { return a.device_index < b.device_index; });
  for (const auto& device : item.items("blockDeviceMapping")) {
    instance.devices.push_back({.name = device.text("deviceName"),
                                .volume_id = device.text("ebs/volumeId"),
                                .status = device.text("ebs/status"),
                                .deleted_with_instance = device.truth("ebs/deleteOnTermination")});
  }
  return instance;
}

std::optional<Instance> find_instance(const Api& api, const VmCid& vm) {
  if (!is_ec2_id(vm.value, "i")) return std::nullopt;
  try {
    const auto reply = api.ec2(Query("DescribeInstances").list("InstanceId", {vm.value}));
    for (const auto& reservation : reply.items("reservationSet")) {
      for (const auto& item : reservation.items("instancesSet")) {
        if (auto instance = read_instance(item); instance.id == vm.value) return instance;
      }
    }
  } catch (const AwsError& error) {
    if (!error.is("InvalidInstanceID")) throw;
  }
  return std::nullopt;
}

Instance get_instance(const Api& api, const VmCid& vm) {
  auto found = find_instance(api, vm);
  if (!found || found->is_gone()) throw_vm_not_found(vm);
  return std::move(*found);
}

std::vector<Instance> instances_of_agent(const Api& api, const std::string& agent) {
  std::vector<Instance> found;
  for (const auto& reservation : api.pages(
           Query("DescribeInstances").filter(std::string("tag:") + agent_tag, {agent}), "reservationSet")) {
    for (const auto& item : reservation.items("instancesSet")) found.push_back(read_instance(item));
  }
  return found;
}

void throw_vm_not_found(const VmCid& vm) {
  throw CpiError(ErrorType::vm_not_found, "there is no VM '" + vm.value + "'");
}

}  // namespace slipway::cpi::aws
