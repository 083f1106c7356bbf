#include "cpi/aws/launch.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace slipway::cpi::aws {

namespace {

void set_interfaces(Query& query, const Launch& launch) {
  const auto place = [](std::size_t index) { return "NetworkInterface." + std::to_string(index + 1) + "."; };
  if (!launch.interfaces.empty()) {
    for (std::size_t i = 0; i < launch.interfaces.size(); ++i) {
      query.set(place(i) + "DeviceIndex", static_cast<std::int64_t>(i))
          .set(place(i) + "NetworkInterfaceId", launch.interfaces[i].id);
    }
    return;
  }
  // The only interface is made and deleted with the instance, so that none is ever left over.
  const auto& nic = launch.wish.nics.front();
  query.set(place(0) + "DeviceIndex", 0)
      .set(place(0) + "SubnetId", nic.subnet)
      .set(place(0) + "DeleteOnTermination", true);
  query.list(place(0) + "SecurityGroupId", nic.groups);
  if (nic.ip.find(':') != std::string::npos)
    query.set(place(0) + "Ipv6Addresses.1.Ipv6Address", nic.ip);
  else
    query.set_if(place(0) + "PrivateIpAddress", nic.ip);
  if (launch.wish.auto_assign_public_ip) query.set(place(0) + "AssociatePublicIpAddress", true);
}

void set_devices(Query& query, const Launch& launch) {
  int index = 0;
  const auto add = [&](const std::string& device) {
    const auto place = "BlockDeviceMapping." + std::to_string(++index) + ".";
    query.set(place + "DeviceName", device);
    return place;
  };
  const auto add_volume = [&](const std::string& device, const VolumeWish& volume,
                              std::int64_t at_least_gib) {
    const auto place = add(device) + "Ebs.";
    query.set(place + "VolumeSize", std::max({gib_of(volume.size_mib), at_least_gib, std::int64_t{1}}));
    query.set(place + "DeleteOnTermination", true);
    set_volume(query, place, volume);
  };
  add_volume(launch.root_device, launch.wish.root_disk, launch.root_gib);
  if (launch.wish.ephemeral_on_instance_storage)
    query.set(add(ephemeral_device) + "VirtualName", "ephemeral0");
  else
    add_volume(ephemeral_device, launch.wish.ephemeral_disk, 0);
}

}  // namespace

Query run_instances(const Launch& launch, Market market, const std::string& token) {
  const auto& wish = launch.wish;
  Query query("RunInstances");
  query.set("ImageId", launch.image)
      .set("MinCount", 1)
      .set("MaxCount", 1)
      .set("InstanceType", wish.instance_type)
      .set("ClientToken", token);
  query.set_if("KeyName", wish.key_name).set_if("Placement.AvailabilityZone", wish.availability_zone);
  query.set_if("Placement.GroupName", wish.placement_group).set_if("Placement.Tenancy", wish.tenancy);
  if (!wish.iam_instance_profile.empty()) {
    query.set(
        wish.iam_instance_profile.starts_with("arn:") ? "IamInstanceProfile.Arn" : "IamInstanceProfile.Name",
        wish.iam_instance_profile);
  }
  query.set("MetadataOptions.HttpTokens", "required").set("MetadataOptions.HttpEndpoint", "enabled");
  query.set("MetadataOptions.HttpPutResponseHopLimit", wish.metadata_hop_limit);
  if (wish.metadata_tags) query.set("MetadataOptions.InstanceMetadataTags", "enabled");
  set_interfaces(query, launch);
  set_devices(query, launch);
  if (market == Market::spot) {
    query.set("InstanceMarketOptions.MarketType", "spot")
        .set("InstanceMarketOptions.SpotOptions.MaxPrice", wish.spot_bid_price);
    query.set("InstanceMarketOptions.SpotOptions.SpotInstanceType", "one-time");
  }
  query.tag_specification("instance", launch.tags).tag_specification("volume", launch.tags);
  if (launch.interfaces.empty()) query.tag_specification("network-interface", launch.tags);
  return query.set("UserData", launch.user_data);
}

bool is_capacity_error(const AwsError& error) {
  static constexpr std::array<std::string_view, 9> codes{
      "Insufficient",          "SpotMaxPriceTooLow",  "MaxSpotInstanceCountExceeded",
      "UnfulfillableCapacity", "Unsupported.Spot",    "InvalidSpotInstanceRequest",
      "BadTargetCapacity",     "Server.Insufficient", "SpotInstance"};
  return std::any_of(codes.begin(), codes.end(), [&](std::string_view code) { return error.is(code); });
}

}  // namespace slipway::cpi::aws
