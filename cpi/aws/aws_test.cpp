#include <doctest/doctest.h>

#include "base/digest.hpp"
#include "cpi/aws/agent_settings.hpp"
#include "cpi/aws/config.hpp"
#include "cpi/aws/device_names.hpp"
#include "cpi/aws/instance_types.hpp"
#include "cpi/aws/launch.hpp"
#include "cpi/aws/names.hpp"
#include "cpi/aws/vm_wish.hpp"

using namespace slipway;
using namespace slipway::cpi;
using namespace slipway::cpi::aws;

namespace {

AwsConfig config(const Json& more = Json::object()) {
  Json value{{"region", "eu-central-1"}, {"access_key_id", "A"}, {"secret_access_key", "S"}};
  value.update(more);
  return read_aws_config(value, "test");
}

CreateVm request(const Json& properties) {
  CreateVm request;
  request.agent = {"agent-1"};
  request.cloud_properties = properties;
  request.networks = {{"default",
                       {{"type", "manual"},
                        {"ip", "10.0.0.9"},
                        {"dns", {"10.0.0.2"}},
                        {"default", {"dns", "gateway"}},
                        {"cloud_properties", {{"subnet", "subnet-1"}, {"security_groups", {"sg-1"}}}}}}};
  return request;
}

std::string complaint(const CreateVm& request, const AwsConfig& with = config()) {
  try {
    read_vm_wish(request, with);
  } catch (const CpiError& error) {
    CHECK(error.type() == ErrorType::vm_creation_failed);
    CHECK(error.fault() == Fault::invalid);
    return error.what();
  }
  return {};
}

std::string body_of(const Json& properties, Market market = Market::on_demand) {
  const Launch launch{.image = "ami-1",
                      .root_device = "/dev/xvda",
                      .agent = "agent-1",
                      .user_data = "dGV4dA==",
                      .root_gib = 3,
                      .wish = read_vm_wish(request(properties), config()),
                      .interfaces = {},
                      .tags = {{"slipway-agent", "agent-1"}}};
  return run_instances(launch, market, "token-1").body("v") + "&";
}

bool says(const std::string& body, const std::string& parameter) {
  return body.find("&" + parameter + "&") != std::string::npos;
}

}  // namespace

TEST_CASE("everything wrong with cloud properties and networks is told at once, with places") {
  auto bad = request({{"spot_bid_price", -1},
                      {"raw_instance_storage", true},
                      {"metadata_options", {{"http_tokens", "optional"}}},
                      {"ephemeral_disk", {{"type", "fast"}, {"use_instance_storage", true}}},
                      {"root_disk", {{"type", "io2"}}},
                      {"advertised_routes", {{{"table_id", "rtb-1"}}}}});
  bad.networks["more"] = {{"type", "overlay"}};
  bad.networks["third"] = {{"type", "dynamic"}, {"cloud_properties", Json::object()}};
  const auto text = complaint(bad);
  for (const char* part :
       {"cloud_properties.instance_type is missing", "cloud_properties.spot_bid_price",
        "cloud_properties.raw_instance_storage", "metadata_options.http_tokens is 'optional'; only required",
        "ephemeral_disk.type is 'fast'; allowed are gp2, gp3",
        "ephemeral_disk.type cannot be chosen with use_instance_storage",
        "root_disk.iops is required with type io2", "advertised_routes[0].destination",
        "networks.more.type is 'overlay'; allowed are manual, dynamic and vip",
        "networks.third.cloud_properties.subnet"}) {
    CAPTURE(text);
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
}

TEST_CASE("security groups of the VM win over those of the network, and these over the default") {
  const Json type{{"instance_type", "m5.large"}};
  CHECK(read_vm_wish(request(type), config()).nics[0].groups == std::vector<std::string>{"sg-1"});
  auto own = type;
  own["security_groups"] = {"web"};
  CHECK(read_vm_wish(request(own), config()).nics[0].groups == std::vector<std::string>{"web"});
  auto none = request(type);
  none.networks["default"]["cloud_properties"].erase("security_groups");
  CHECK(read_vm_wish(none, config({{"default_security_groups", {"all"}}})).nics[0].groups ==
        std::vector<std::string>{"all"});
}

TEST_CASE("the network with the default gateway is the first interface") {
  auto two = request({{"instance_type", "m5.large"}});
  two.networks["a"] = {{"type", "dynamic"}, {"cloud_properties", {{"subnet", "subnet-2"}}}};
  const auto wish = read_vm_wish(two, config());
  REQUIRE(wish.nics.size() == 2);
  CHECK(wish.nics[0].network == "default");
  CHECK(wish.nics[1].ip.empty());
}

TEST_CASE("RunInstances asks for IMDSv2 alone, tags everything and deletes everything with the instance") {
  const auto body = body_of({{"instance_type", "m5.large"}});
  for (const char* parameter :
       {"ClientToken=token-1", "MetadataOptions.HttpTokens=required",
        "MetadataOptions.HttpPutResponseHopLimit=1", "NetworkInterface.1.DeleteOnTermination=true",
        "NetworkInterface.1.PrivateIpAddress=10.0.0.9", "NetworkInterface.1.SecurityGroupId.1=sg-1",
        "BlockDeviceMapping.1.DeviceName=%2Fdev%2Fxvda", "BlockDeviceMapping.1.Ebs.VolumeSize=3",
        "BlockDeviceMapping.1.Ebs.DeleteOnTermination=true", "BlockDeviceMapping.2.DeviceName=%2Fdev%2Fsdb",
        "BlockDeviceMapping.2.Ebs.VolumeSize=10", "BlockDeviceMapping.2.Ebs.DeleteOnTermination=true",
        "BlockDeviceMapping.2.Ebs.VolumeType=gp3", "TagSpecification.1.ResourceType=instance",
        "TagSpecification.2.ResourceType=volume", "TagSpecification.3.ResourceType=network-interface",
        "TagSpecification.1.Tag.1.Key=slipway-agent"}) {
    CAPTURE(parameter);
    CHECK(says(body, parameter));
  }
  CHECK_FALSE(says(body, "InstanceMarketOptions.MarketType=spot"));
}

TEST_CASE("cloud properties of BOSH's AWS CPI become parameters") {
  const auto body = body_of(
      {{"instance_type", "m5.large"},
       {"availability_zone", "eu-central-1b"},
       {"key_name", "ops"},
       {"placement_group", "apart"},
       {"tenancy", "dedicated"},
       {"iam_instance_profile", "nodes"},
       {"auto_assign_public_ip", true},
       {"spot_bid_price", 0.25},
       {"metadata_options", {{"http_put_response_hop_limit", 2}, {"instance_metadata_tags", "enabled"}}},
       {"root_disk", {{"size", 20480}, {"type", "gp3"}, {"throughput", 250}}},
       {"ephemeral_disk",
        {{"size", 4097}, {"type", "io2"}, {"iops", 500}, {"encrypted", true}, {"kms_key_arn", "arn:k"}}}},
      Market::spot);
  for (const char* parameter :
       {"Placement.AvailabilityZone=eu-central-1b", "Placement.GroupName=apart",
        "Placement.Tenancy=dedicated", "KeyName=ops", "IamInstanceProfile.Name=nodes",
        "NetworkInterface.1.AssociatePublicIpAddress=true", "InstanceMarketOptions.MarketType=spot",
        "InstanceMarketOptions.SpotOptions.MaxPrice=0.25", "MetadataOptions.HttpPutResponseHopLimit=2",
        "MetadataOptions.InstanceMetadataTags=enabled", "BlockDeviceMapping.1.Ebs.VolumeSize=20",
        "BlockDeviceMapping.1.Ebs.Throughput=250", "BlockDeviceMapping.2.Ebs.VolumeSize=5",
        "BlockDeviceMapping.2.Ebs.VolumeType=io2", "BlockDeviceMapping.2.Ebs.Iops=500",
        "BlockDeviceMapping.2.Ebs.Encrypted=true", "BlockDeviceMapping.2.Ebs.KmsKeyId=arn%3Ak"}) {
    CAPTURE(parameter);
    CHECK(says(body, parameter));
  }
}

TEST_CASE("the agent's settings are the same for the same request, and hold no cloud properties") {
  const auto asked = request({{"instance_type", "m5.large"}});
  const auto wish = read_vm_wish(asked, config());
  const auto settings = agent_settings(asked, wish, config({{"agent", {{"mbus", "nats://m"}}}}), "/dev/xvda",
                                       {{"default", "02:00"}});
  CHECK(settings["agent_id"] == "agent-1");
  CHECK(settings["mbus"] == "nats://m");
  CHECK(settings["networks"]["default"]["use_dhcp"] == true);
  CHECK(settings["networks"]["default"]["mac"] == "02:00");
  CHECK_FALSE(settings["networks"]["default"].contains("cloud_properties"));
  CHECK(settings["disks"]["system"] == "/dev/xvda");
  CHECK(settings["disks"]["ephemeral"] == "/dev/sdb");
  CHECK(settings["dns"]["nameserver"][0] == "10.0.0.2");
  CHECK(parse_json(base64_decode(user_data(settings)), "user data") == settings);
}

TEST_CASE("settings that are too large for user data are refused with a way out") {
  try {
    user_data({{"env", std::string(17'000, 'x')}});
    FAIL("no error");
  } catch (const CpiError& error) {
    CHECK(error.type() == ErrorType::vm_creation_failed);
    CHECK(std::string(error.what()).find("16384") != std::string::npos);
  }
}

TEST_CASE("only what EC2 could have made is an id of its") {
  CHECK(is_ec2_id("i-0123456789abcdef0", "i"));
  CHECK(is_ec2_id("vol-0a", "vol"));
  for (const char* other :
       {"i-", "i-xyz", "vol-1", "../../etc", "i-01\n", "i-0123456789012345678901234567890123456789", ""}) {
    CAPTURE(other);
    CHECK_FALSE(is_ec2_id(other, "i"));
  }
}

TEST_CASE("client tokens fit, repeat, and differ by kind, name and attempt") {
  const auto token = client_token("disk", std::string(1000, 'n'), 0);
  CHECK(token.size() <= 64);
  CHECK(is_client_token(token));
  CHECK(client_token("disk", std::string(1000, 'n'), 0) == token);
  CHECK(client_token("disk", std::string(1000, 'n'), 1) != token);
  CHECK(client_token("instance", std::string(1000, 'n'), 0) != token);
  CHECK_FALSE(is_client_token("slipway-../../etc"));
}

TEST_CASE("persistent disks take the first free letter from f to p") {
  Instance instance;
  instance.devices = {
      {.name = "/dev/xvda"}, {.name = "/dev/sdb"}, {.name = "/dev/sdf"}, {.name = "/dev/xvdg"}};
  CHECK(free_device(instance) == "/dev/sdh");
  for (char letter = 'h'; letter <= 'p'; ++letter)
    instance.devices.push_back({.name = std::string("/dev/sd") + letter});
  CHECK_FALSE(free_device(instance));
  CHECK(is_persistent_device("/dev/sdp"));
  CHECK_FALSE(is_persistent_device("/dev/sdb"));
  CHECK_FALSE(is_persistent_device("/dev/sda1"));
}

TEST_CASE("a disk is named by its id on Nitro instances and by its device on Xen ones") {
  CHECK(device_hint("m5.large", "/dev/sdf", "vol-0a1") ==
        Json{{"path", "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0a1"}});
  CHECK(device_hint("m4.large", "/dev/sdf", "vol-0a1") == Json{{"path", "/dev/sdf"}});
  CHECK(device_hint("t2.micro", "/dev/sdf", "vol-0a1") == Json{{"path", "/dev/sdf"}});
  CHECK(device_hint("i3.metal", "/dev/sdf", "vol-0a1").at("path").get<std::string>().find("nvme") !=
        std::string::npos);
}

TEST_CASE("the smallest instance type that is large enough is chosen") {
  const auto type = [](std::int64_t cpu, std::int64_t ram) {
    return smallest_instance_type({.cpu = cpu, .ram_mib = ram});
  };
  CHECK(type(1, 512) == "t3.nano");
  CHECK(type(2, 8192) == "m6i.large");
  CHECK(type(2, 16384) == "r6i.large");
  CHECK(type(8, 16000) == "c6i.2xlarge");
  CHECK(type(128, 1 << 20) == "r6i.32xlarge");
  CHECK_FALSE(type(1000, 1));
}

TEST_CASE("the configuration tells all that is wrong with it") {
  const auto complaint_of = [](const Json& value) {
    try {
      read_aws_config(value, "file");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const auto text = complaint_of({{"region", "Frankfurt!"}, {"credentials_source", "magic"}, {"tags", 3}});
  CHECK(text.find("'Frankfurt!'") != std::string::npos);
  CHECK(text.find("allowed are static and env_or_profile") != std::string::npos);
  CHECK(text.find("tags: is not an object") != std::string::npos);
  CHECK(complaint_of({{"region", "r-1"}}).find("are required with credentials_source static") !=
        std::string::npos);
  CHECK(complaint_of({{"region", "r-1"}, {"regoin", "x"}}).find("regoin") != std::string::npos);
  CHECK(complaint_of({{"region", "r-1"}, {"credentials_source", "env_or_profile"}}).empty());
}
