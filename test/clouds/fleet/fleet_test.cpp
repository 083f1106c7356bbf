#include <doctest/doctest.h>

#include <set>

#include "base/digest.hpp"
#include "base/yaml.hpp"
#include "cpi/aws/aws_account.hpp"
#include "cpi/aws/names.hpp"
#include "test/clouds/fleet/stand_in_agents.hpp"
#include "test/scenario/bad_input/director_process.hpp"
#include "test/scenario/bad_input/samples.hpp"

using namespace slipway;
using namespace slipway::test;
using cpi::aws::AwsAccount;

// One director, one deployment, several clouds: the real director as a process with its own bus, each cloud's
// CPI as a program that a CPI config names.
namespace {

struct Fleet {
  AwsAccount account;
  TempDir folder{"fleet"};
  DirectorProcess director{{.agent_wait_seconds = 60}};
  std::unique_ptr<StandInAgents> agents;

  Fleet() {
    auto aws = account.config();
    aws["agent"]["mbus"] = bus();
    // Keys come with each request, from the CPI config.
    for (const auto* key : {"access_key_id", "secret_access_key"}) aws[key] = "not-these";
    director.stop();
    director.allow_program("/near/cpi", {SLIPWAY_CPI_SIMULATED, folder.path().string()});
    director.allow_program("/aws/cpi", {SLIPWAY_CPI_AWS, account.config_file(aws)});
    director.start();
    agents = std::make_unique<StandInAgents>(std::vector<StandInAgents::Cloud>{
        [this] { return near_settings(); }, [this] { return aws_settings(); }});
    REQUIRE(director
                .send("POST", "/configs",
                      dump({{"name", "default"}, {"type", "cpi"}, {"content", to_yaml(cpi_config())}}),
                      "application/json")
                .status == 201);
    REQUIRE(director.send("POST", "/cloud_configs", to_yaml(cloud_config())).status == 201);
  }

  std::string bus() const { return "nats://127.0.0.1:" + std::to_string(director.nats_port()); }

  Json cpi_config() const {
    const auto keys = account.config();
    const Json properties{{"region", account["region"]},
                          {"access_key_id", keys["access_key_id"]},
                          {"secret_access_key", keys["secret_access_key"]}};
    return {
        {"cpis",
         Json::array(
             {{{"name", "near"},
               {"type", "simulated"},
               {"exec_path", "/near/cpi"},
               {"properties", Json::object()}},
              {{"name", "far"}, {"type", "aws"}, {"exec_path", "/aws/cpi"}, {"properties", properties}}})}};
  }

  Json cloud_config() const {
    auto config = parse_yaml(
        "azs: [{name: z1, cpi: near}, {name: z2, cpi: far}]\n"
        "vm_types: [{name: small, cloud_properties: {instance_type: m5.large}}]\n"
        "disk_types: [{name: data, disk_size: 1024}]\n"
        "networks:\n"
        "- name: default\n"
        "  type: manual\n"
        "  subnets:\n"
        "  - {range: 10.9.0.0/24, gateway: 10.9.0.1, azs: [z1], dns: [10.9.0.1]}\n"
        "  - {range: 10.60.0.0/20, gateway: 10.60.0.1, azs: [z2], dns: [10.60.0.2], reserved: [10.60.0.2 - "
        "10.60.0.20]}\n"
        "compilation: {workers: 1, az: z1, network: default, vm_type: small}\n",
        "cloud config");
    config["networks"][0]["subnets"][1]["cloud_properties"] = {
        {"subnet", account["subnet"]}, {"security_groups", {account["security_group"]}}};
    return config;
  }

  static std::string manifest(int instances, const std::string& value) {
    auto manifest = parse_yaml(sample_manifest(instances, value), "manifest");
    manifest["instance_groups"][0]["azs"] = {"z1", "z2"};
    manifest["instance_groups"][0]["persistent_disk_type"] = "data";
    return to_yaml(manifest);
  }

  // A light stemcell for AWS is just a stemcell to the simulated cloud.
  std::string stemcell() const {
    return tarball({{"stemcell.MF", "name: debian\nversion: '1.0'\noperating_system: debian-12\nsha1: '" +
                                        sha1_hex("image") + "'\napi_version: 3\ncloud_properties: {ami: {" +
                                        account["region"] + ": " + account["ami"] + "}}\n"},
                    {"image", "image"}});
  }

  Json near() const {
    const auto file = folder.path() / "cloud.json";
    return std::filesystem::exists(file) ? parse_json(read_file(file), "cloud.json") : Json(Json::object());
  }
  std::map<std::string, Json> near_settings() const {
    std::map<std::string, Json> settings;
    for (const auto& vm : near().value("vms", Json::object()))
      settings[vm.at("agent")] = {{"mbus", bus()}, {"env", vm.at("env")}};
    return settings;
  }
  std::vector<cpi::aws::Instance> instances() const {
    std::vector<cpi::aws::Instance> living;
    for (const auto& reservation :
         account.tagged("DescribeInstances", "reservationSet", cpi::aws::agent_tag)) {
      for (const auto& item : reservation.items("instancesSet")) {
        if (auto instance = cpi::aws::read_instance(item); instance.lives()) living.push_back(instance);
      }
    }
    return living;
  }
  std::map<std::string, Json> aws_settings() const {
    std::map<std::string, Json> settings;
    for (const auto& instance : instances()) {
      const auto reply = account.observer().ec2(cpi::aws::Query("DescribeInstanceAttribute")
                                                    .set("InstanceId", instance.id)
                                                    .set("Attribute", "userData"));
      settings[instance.agent] = parse_json(base64_decode(reply.text("userData/value")), "user data");
    }
    return settings;
  }

  std::size_t near_vms() const { return near().value("vms", Json::object()).size(); }
  std::size_t near_disks() const { return near().value("disks", Json::object()).size(); }
  std::size_t aws_disks() const {
    return account.tagged("DescribeVolumes", "volumeSet", cpi::aws::disk_size_tag).size();
  }
  TaskEnd deploy(int instances, const std::string& value) const {
    return director.deploy(manifest(instances, value));
  }
};

}  // namespace

TEST_CASE(
    "a deployment spreads over two clouds, scales, is recreated and goes, and neither cloud holds anything "
    "of it") {
  Fleet fleet;
  REQUIRE(fleet.director.upload("/stemcells", fleet.stemcell()).state == "done");
  REQUIRE(fleet.director.upload("/releases", SampleRelease{}.bytes()).state == "done");
  CHECK(fleet.director.get("/stemcells").size() == 2);

  auto end = fleet.deploy(2, "one");
  CAPTURE(end.result);
  REQUIRE(end.state == "done");
  CHECK(fleet.near_vms() == 1);
  CHECK(fleet.instances().size() == 1);
  CHECK(fleet.near_disks() == 1);
  CHECK(fleet.aws_disks() == 1);

  end = fleet.deploy(4, "two");
  CAPTURE(end.result);
  REQUIRE(end.state == "done");
  CHECK(fleet.near_vms() == 2);
  CHECK(fleet.instances().size() == 2);
  CHECK(fleet.agents->started() == 4);

  std::set<std::string> before;
  for (const auto& instance : fleet.instances()) before.insert(instance.id);
  end = fleet.director.follow(
      fleet.director.send("PUT", "/deployments/dep/jobs/*?state=recreate", "", "text/yaml"));
  CAPTURE(end.result);
  CHECK(end.state == "done");
  CHECK(fleet.instances().size() == 2);
  for (const auto& instance : fleet.instances()) CHECK_FALSE(before.contains(instance.id));
  CHECK(fleet.aws_disks() == 2);
  CHECK(fleet.agents->agents().violations() == std::vector<std::string>{});

  end = fleet.deploy(2, "two");
  CAPTURE(end.result);
  CHECK(end.state == "done");
  CHECK(fleet.near_vms() + fleet.instances().size() == 2);

  end = fleet.director.follow(fleet.director.send("DELETE", "/deployments/dep"));
  CAPTURE(end.result);
  CHECK(end.state == "done");
  CHECK(fleet.near_vms() == 0);
  CHECK(fleet.instances().empty());
  // Disks of deleted deployments are kept as orphans until they are cleaned up.
  end = fleet.director.follow(
      fleet.director.send("POST", "/cleanup", R"({"config":{"remove_all":true}})", "application/json"));
  CAPTURE(end.result);
  CHECK(end.state == "done");
  CHECK(fleet.near_disks() == 0);
  CHECK(fleet.aws_disks() == 0);
  CHECK(
      fleet.account.tagged("DescribeNetworkInterfaces", "networkInterfaceSet", cpi::aws::agent_tag).empty());
  CHECK(fleet.near().value("stemcells", Json::object()).empty());
}
