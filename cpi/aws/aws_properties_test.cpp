#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>

#include "base/digest.hpp"
#include "base/http/server.hpp"
#include "cpi/aws/aws_account.hpp"
#include "cpi/aws/names.hpp"

using namespace slipway;
using namespace slipway::cpi;
using namespace slipway::cpi::aws;

// What each cloud property does to the account, seen by another user of it.
namespace {

AwsAccount& account() {
  static AwsAccount account;
  return account;
}

Cpi& aws_cpi() {
  static const auto cpi = account().in_process(account().config());
  return *cpi;
}

std::string next_agent() {
  static std::atomic<int> next{0};
  return "properties-" + std::to_string(++next);
}

// A VM of the account's published image; gone at the end of the test.
struct TestVm {
  CreateVm request;
  CreatedVm created;

  explicit TestVm(const Json& properties = Json::object(), const Json& networks = Json::object(),
                  Cpi& by = aws_cpi()) {
    request.agent = {next_agent()};
    request.stemcell = {account()["ami"] + " light"};
    request.cloud_properties = account().vm_properties();
    request.cloud_properties.update(properties);
    request.networks = networks.empty() ? Json{{"default", account().next_network()}} : networks;
    request.env = {{"bosh", {{"group", "web"}}}};
    created = by.create_vm(request);
  }
  ~TestVm() {
    try {
      aws_cpi().delete_vm(created.vm);
    } catch (const Error& error) {
      MESSAGE(std::string(error.what()));
    }
  }
  Reply told() const {
    const auto reply =
        account().observer().ec2(Query("DescribeInstances").list("InstanceId", {created.vm.value}));
    return reply.items("reservationSet").at(0).items("instancesSet").at(0);
  }
};

std::string tag_of(const Reply& item, const std::string& key) {
  for (const auto& tag : item.items("tagSet")) {
    if (tag.text("key") == key) return tag.text("value");
  }
  return "(none)";
}

Reply volume(const std::string& id) {
  return account().observer().ec2(Query("DescribeVolumes").list("VolumeId", {id})).items("volumeSet").at(0);
}

bool has_snapshot(const std::string& id) {
  for (const auto& item : account().observer().pages(Query("DescribeSnapshots"), "snapshotSet")) {
    if (item.text("snapshotId") == id) return true;
  }
  return false;
}

std::vector<std::string> actions_of(const std::vector<test::ProxiedRequest>& requests) {
  std::vector<std::string> actions;
  for (const auto& request : requests) {
    const auto end = request.body.find('&');
    actions.push_back(request.body.starts_with("Action=") ? request.body.substr(7, end - 7) : request.target);
  }
  return actions;
}

}  // namespace

TEST_CASE("a VM with one network takes four calls, none of which can leave anything behind") {
  account().proxy().take_requests();
  const TestVm vm;
  CHECK(actions_of(account().proxy().take_requests()) ==
        std::vector<std::string>{"DescribeInstances", "DescribeImages", "RunInstances", "DescribeInstances"});
}

TEST_CASE("user data holds the agent's settings, and nothing of the CPI's credentials") {
  const TestVm vm;
  const auto reply = account().observer().ec2(
      Query("DescribeInstanceAttribute").set("InstanceId", vm.created.vm.value).set("Attribute", "userData"));
  const auto settings = parse_json(base64_decode(reply.text("userData/value")), "user data");
  CHECK(settings["agent_id"] == vm.request.agent.value);
  CHECK(settings["mbus"] == "nats://10.60.0.6:4222");
  CHECK(settings["networks"]["default"]["ip"] == vm.request.networks["default"]["ip"]);
  CHECK(settings["env"]["bosh"]["group"] == "web");
  const auto text = dump(settings);
  CHECK(text.find(account().config()["secret_access_key"].get<std::string>()) == std::string::npos);
  CHECK(text.find(account().config()["access_key_id"].get<std::string>()) == std::string::npos);
}

TEST_CASE("an instance answers to IMDSv2 alone, and everything of it is tagged from its first moment") {
  const TestVm vm(Json{{"tags", {{"team", "data"}}}});
  const auto told = vm.told();
  CHECK(told.text("metadataOptions/httpTokens") == "required");
  CHECK(tag_of(told, agent_tag) == vm.request.agent.value);
  CHECK(tag_of(told, "team") == "data");
  const auto devices = told.items("blockDeviceMapping");
  CHECK(devices.size() == 2);
  for (const auto& device : devices) {
    CHECK(device.truth("ebs/deleteOnTermination"));
    CHECK(tag_of(volume(device.text("ebs/volumeId")), agent_tag) == vm.request.agent.value);
  }
}

TEST_CASE("after delete_vm neither volumes nor interfaces are left") {
  std::vector<std::string> volumes;
  std::string agent;
  {
    Json networks{{"a", account().next_network()}, {"b", account().next_network()}};
    const TestVm vm(Json::object(), networks);
    agent = vm.request.agent.value;
    for (const auto& device : vm.told().items("blockDeviceMapping"))
      volumes.push_back(device.text("ebs/volumeId"));
    CHECK(account().tagged("DescribeNetworkInterfaces", "networkInterfaceSet", agent_tag).size() >= 2);
  }
  for (const auto& item : account().observer().pages(Query("DescribeVolumes"), "volumeSet")) {
    CHECK(std::find(volumes.begin(), volumes.end(), item.text("volumeId")) == volumes.end());
  }
  for (const auto& item : account().tagged("DescribeNetworkInterfaces", "networkInterfaceSet", agent_tag)) {
    CHECK(tag_of(item, agent_tag) != agent);
  }
}

TEST_CASE("two networks are two interfaces, in order, and their MACs are in the settings") {
  auto first = account().next_network();
  auto second = account().next_network();
  second.erase("default");
  second["type"] = "dynamic";
  second.erase("ip");
  const TestVm vm(Json::object(), {{"b-main", first}, {"a-other", second}});
  const auto instance = read_instance(vm.told());
  REQUIRE(instance.interfaces.size() == 2);
  CHECK(Json(instance.interfaces[0].ip) == first["ip"]);
  CHECK(vm.created.networks["b-main"]["mac"] == instance.interfaces[0].mac);
  CHECK(vm.created.networks["a-other"]["mac"] == instance.interfaces[1].mac);
  CHECK(vm.created.networks["a-other"]["ip"] == instance.interfaces[1].ip);
  const auto reply = account().observer().ec2(
      Query("DescribeInstanceAttribute").set("InstanceId", vm.created.vm.value).set("Attribute", "userData"));
  const auto settings = parse_json(base64_decode(reply.text("userData/value")), "user data");
  CHECK(settings["networks"]["a-other"]["mac"] == instance.interfaces[1].mac);
}

TEST_CASE("security groups may be named by name or by id; one that is not there is told") {
  auto network = account().next_network();
  network["cloud_properties"]["security_groups"] = {account()["security_group_name"]};
  const TestVm vm(Json::object(), {{"default", network}});
  CHECK(vm.told().items("networkInterfaceSet").at(0).items("groupSet").at(0).text("groupId") ==
        account()["security_group"]);
  auto other = account().next_network();
  other["cloud_properties"]["security_groups"] = {"nobodys-group"};
  try {
    const TestVm none(Json::object(), {{"default", other}});
    FAIL("no error");
  } catch (const CpiError& error) {
    CHECK(error.type() == ErrorType::vm_creation_failed);
    CHECK(std::string(error.what()).find("'nobodys-group'") != std::string::npos);
  }
}

TEST_CASE("a vip network moves the Elastic IP to the VM; an unknown one fails and leaves no VM") {
  const auto with_vip = [](const std::string& ip) {
    return Json{{"default", account().next_network()},
                {"public", {{"type", "vip"}, {"ip", ip}, {"cloud_properties", Json::object()}}}};
  };
  const auto holder = [] {
    return account()
        .observer()
        .ec2(Query("DescribeAddresses").list("PublicIp", {account()["elastic_ip"]}))
        .items("addressesSet")
        .at(0)
        .text("networkInterfaceId");
  };
  const TestVm first(Json::object(), with_vip(account()["elastic_ip"]));
  CHECK(holder() == read_instance(first.told()).interfaces[0].id);
  const TestVm second(Json::object(), with_vip(account()["elastic_ip"]));
  CHECK(holder() == read_instance(second.told()).interfaces[0].id);

  CreateVm bad = second.request;
  bad.agent = {next_agent()};
  bad.networks = with_vip("203.0.113.77");
  CHECK_THROWS_AS(aws_cpi().create_vm(bad), CpiError);
  for (const auto& instance : account().instances(bad.agent.value)) CHECK(instance.is_gone());
}

TEST_CASE("a VM joins target groups and classic load balancers") {
  const TestVm vm(Json{{"lb_target_groups", {account()["target_group"]}}, {"elbs", {account()["elb"]}}});
  const auto health = account().observer().query(
      Service::elbv2, Query("DescribeTargetHealth").set("TargetGroupArn", account()["target_group_arn"]));
  bool is_target = false;
  for (const auto& item : health.items("DescribeTargetHealthResult/TargetHealthDescriptions")) {
    is_target = is_target || item.text("Target/Id") == vm.created.vm.value;
  }
  CHECK(is_target);
  const auto classic = account().observer().query(
      Service::elb, Query("DescribeLoadBalancers").list("LoadBalancerNames.member", {account()["elb"]}));
  bool is_member = false;
  for (const auto& item :
       classic.items("DescribeLoadBalancersResult/LoadBalancerDescriptions").at(0).items("Instances")) {
    is_member = is_member || item.text("InstanceId") == vm.created.vm.value;
  }
  CHECK(is_member);
}

TEST_CASE("advertised routes point at the VM, and at the next one that has them") {
  const Json routes{
      {"source_dest_check", false},
      {"advertised_routes", {{{"table_id", account()["route_table"]}, {"destination", "192.0.2.0/24"}}}}};
  const auto target = [] {
    const auto table = account()
                           .observer()
                           .ec2(Query("DescribeRouteTables").list("RouteTableId", {account()["route_table"]}))
                           .items("routeTableSet")
                           .at(0);
    for (const auto& route : table.items("routeSet")) {
      if (route.text("destinationCidrBlock") == "192.0.2.0/24") return route.text("networkInterfaceId");
    }
    return std::string();
  };
  const TestVm first(routes);
  CHECK(target() == read_instance(first.told()).interfaces[0].id);
  CHECK(first.told().items("networkInterfaceSet").at(0).text("sourceDestCheck") == "false");
  const TestVm second(routes);
  CHECK(target() == read_instance(second.told()).interfaces[0].id);
}

TEST_CASE("a spot instance falls back to on demand when EC2 has none, and only when that is allowed") {
  const TestVm spot(Json{{"spot_bid_price", 0.1}});
  CHECK(spot.told().text("instanceLifecycle") == "spot");

  account().proxy().set_faults([](const test::ProxiedRequest& request) {
    test::NetFault fault;
    if (request.body.find("MarketType=spot") == std::string::npos) return fault;
    fault.kind = test::NetFault::Kind::answer;
    fault.status = 500;
    fault.body =
        "<Response><Errors><Error><Code>InsufficientInstanceCapacity</Code><Message>none</Message></Error></"
        "Errors></Response>";
    return fault;
  });
  auto impatient = account().config();
  impatient["max_retries"] = 0;
  const auto by = account().in_process(impatient);
  const TestVm fallen(Json{{"spot_bid_price", 0.1}, {"spot_ondemand_fallback", true}}, Json::object(), *by);
  CHECK(fallen.told().text("instanceLifecycle") != "spot");
  try {
    const TestVm none(Json{{"spot_bid_price", 0.1}}, Json::object(), *by);
    FAIL("no error");
  } catch (const CpiError& error) {
    CHECK(error.type() == ErrorType::vm_creation_failed);
    CHECK(error.ok_to_retry());
  }
  account().proxy().set_faults({});
}

TEST_CASE("instance profile, key pair, type and zone are as the cloud properties say") {
  const TestVm vm(Json{{"iam_instance_profile", account()["instance_profile"]},
                       {"key_name", account()["key_name"]},
                       {"instance_type", "c5.xlarge"},
                       {"availability_zone", account()["zone"]},
                       {"placement_group", "apart"}});
  const auto told = vm.told();
  CHECK(told.text("iamInstanceProfile/arn").ends_with("/" + account()["instance_profile"]));
  CHECK(told.text("keyName") == account()["key_name"]);
  CHECK(told.text("instanceType") == "c5.xlarge");
  CHECK(told.text("placement/availabilityZone") == account()["zone"]);
}

TEST_CASE("disks have type, performance and encryption as asked, and say what they are for") {
  const auto disk = aws_cpi().create_disk(
      3000, {{"type", "io2"}, {"iops", 600}, {"encrypted", true}, {"kms_key_arn", account()["kms_key_arn"]}},
      std::nullopt);
  const auto told = volume(disk.value);
  CHECK(told.text("size") == "3");
  CHECK(told.text("volumeType") == "io2");
  CHECK(told.text("iops") == "600");
  CHECK(told.truth("encrypted"));
  CHECK(told.text("kmsKeyId") == account()["kms_key_arn"]);
  aws_cpi().set_disk_metadata(disk, {{"deployment", "d"}, {"instance_index", 3}});
  CHECK(tag_of(volume(disk.value), "instance_index") == "3");

  CHECK_FALSE(aws_cpi().update_disk(disk, 5000,
                                    {{"type", "gp3"},
                                     {"throughput", 300},
                                     {"encrypted", true},
                                     {"kms_key_arn", account()["kms_key_arn"]}}));
  CHECK(volume(disk.value).text("volumeType") == "gp3");
  CHECK(volume(disk.value).text("throughput") == "300");
  CHECK(volume(disk.value).text("size") == "5");
  try {
    aws_cpi().update_disk(disk, 5000, {{"encrypted", false}});
    FAIL("no error");
  } catch (const CpiError& error) {
    CHECK(error.type() == ErrorType::not_supported);
  }
  aws_cpi().delete_disk(disk);
}

TEST_CASE("a disk near a VM is in its zone") {
  auto network = account().next_network();
  network["cloud_properties"]["subnet"] = account()["other_subnet"];
  network["ip"] = "10.60.16.77";
  const TestVm vm(Json::object(), {{"default", network}});
  const auto disk = aws_cpi().create_disk(64, Json::object(), vm.created.vm);
  CHECK(volume(disk.value).text("availabilityZone") == read_instance(vm.told()).availability_zone);
  CHECK(volume(disk.value).text("availabilityZone") != account()["zone"]);

  auto asked = vm.request;
  asked.agent = {next_agent()};
  asked.networks = {{"default", account().next_network()}};
  asked.disks.push_back(disk);
  try {
    aws_cpi().create_vm(asked);
    FAIL("no error");
  } catch (const CpiError& error) {
    CHECK(std::string(error.what()).find(disk.value) != std::string::npos);
  }
  aws_cpi().delete_disk(disk);
}

TEST_CASE("snapshots are tagged, and gone when deleted") {
  const auto disk = aws_cpi().create_disk(64, Json::object(), std::nullopt);
  const auto snapshot = aws_cpi().snapshot_disk(disk, {{"deployment", "d"}});
  CHECK(has_snapshot(snapshot.value));
  aws_cpi().delete_snapshot(snapshot);
  CHECK_FALSE(has_snapshot(snapshot.value));
  aws_cpi().delete_disk(disk);
}

TEST_CASE("a light stemcell is its AMI; one without an AMI for the region says for which it has") {
  const auto cid = aws_cpi().create_stemcell(
      account().image(), {{"ami", {{account()["region"], account()["ami"]}}}}, Json::object());
  CHECK(cid.value == account()["ami"] + " light");
  aws_cpi().delete_stemcell(cid);
  CHECK(find_image(account().observer(), {account()["ami"]}));
  try {
    aws_cpi().create_stemcell(account().image(), {{"ami", {{"us-west-9", "ami-0"}}}}, Json::object());
    FAIL("no error");
  } catch (const CpiError& error) {
    CHECK(error.type() == ErrorType::cloud_error);
    CHECK(std::string(error.what()).find("us-west-9") != std::string::npos);
  }
}

TEST_CASE("an encrypted light stemcell is a copy of the account's own, made once") {
  const Json properties{{"ami", {{account()["region"], account()["ami"]}}},
                        {"encrypted", true},
                        {"kms_key_arn", account()["kms_key_arn"]}};
  const auto cid = aws_cpi().create_stemcell(account().image(), properties, Json::object());
  CHECK(aws_cpi().create_stemcell(account().image(), properties, Json::object()) == cid);
  const auto image = find_image(account().observer(), cid);
  REQUIRE(image);
  CHECK(image->id != account()["ami"]);
  aws_cpi().delete_stemcell(cid);
  CHECK_FALSE(find_image(account().observer(), cid));
  CHECK(find_image(account().observer(), {account()["ami"]}));
}

TEST_CASE(
    "of a heavy stemcell only the blocks with something in them are sent, and nothing is left when it is "
    "deleted") {
  account().proxy().take_requests();
  const auto cid =
      aws_cpi().create_stemcell(account().image(), {{"name", "slipway"}, {"disk", 3000}}, {{"env", "test"}});
  std::vector<std::string> blocks;
  for (const auto& request : account().proxy().take_requests()) {
    if (request.method == "PUT") blocks.push_back(request.target.substr(request.target.rfind('/') + 1));
  }
  std::sort(blocks.begin(), blocks.end());
  CHECK(blocks == std::vector<std::string>{"0", "4"});
  const auto image = find_image(account().observer(), cid);
  REQUIRE(image);
  REQUIRE(image->snapshots.size() == 1);
  CHECK(has_snapshot(image->snapshots[0]));
  aws_cpi().delete_stemcell(cid);
  CHECK_FALSE(find_image(account().observer(), cid));
  CHECK_FALSE(has_snapshot(image->snapshots[0]));
}

TEST_CASE("credentials may come from the instance's role") {
  auto config = account().config();
  const auto keys = config;
  http::Server metadata(
      {},
      [&](http::Request& request) {
        if (request.method == "PUT") return http::Response::text(200, "session");
        if (request.path.ends_with("/")) return http::Response::text(200, "role");
        return http::Response::json(200, {{"AccessKeyId", keys["access_key_id"]},
                                          {"SecretAccessKey", keys["secret_access_key"]},
                                          {"Token", "token-that-moto-does-not-know"},
                                          {"Expiration", "2040-01-01T00:00:00Z"}});
      },
      Log::discard());
  config.erase("access_key_id");
  config.erase("secret_access_key");
  config["credentials_source"] = "env_or_profile";
  config["metadata_endpoint"] = "http://127.0.0.1:" + std::to_string(metadata.port());
  const auto by = account().in_process(config);
  account().proxy().take_requests();
  // moto knows no instance profiles' keys: what is shown is that they are asked for, and used to sign.
  CHECK_THROWS_AS(by->has_vm({"i-0123456789abcdef0"}), CpiError);
  const auto requests = account().proxy().take_requests();
  REQUIRE_FALSE(requests.empty());
  CHECK(requests[0].headers.at("X-Amz-Security-Token") == "token-that-moto-does-not-know");
  CHECK(requests[0].headers.at("Authorization").find(keys["access_key_id"].get<std::string>()) !=
        std::string::npos);
}

TEST_CASE("a wrong secret and a missing right are told as such, without the secret") {
  auto config = account().config();
  const std::string wrong = "wrong-secret-wrong-secret-wrong-secret!!";
  config["secret_access_key"] = wrong;
  try {
    account().in_process(config)->has_vm({"i-0123456789abcdef0"});
    FAIL("no error");
  } catch (const CpiError& error) {
    CHECK(std::string(error.what()).find("AuthFailure") != std::string::npos);
    CHECK(std::string(error.what()).find(wrong) == std::string::npos);
    CHECK_FALSE(error.ok_to_retry());
  }
  config.update(account().assumer());
  try {
    account().in_process(config)->has_vm({"i-0123456789abcdef0"});
    FAIL("no error");
  } catch (const CpiError& error) {
    CHECK(std::string(error.what()).find("DescribeInstances") != std::string::npos);
    CHECK_FALSE(error.ok_to_retry());
  }
}
