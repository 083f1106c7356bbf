#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/yaml.hpp"
#include "cpi/aws/aws_account.hpp"
#include "cpi/aws/names.hpp"
#include "cpi/vsphere/vcsim_world.hpp"
#include "test/clouds/fleet/stand_in_agents.hpp"
#include "test/scenario/bad_input/director_process.hpp"
#include "test/scenario/bad_input/samples.hpp"

using namespace slipway;
using namespace slipway::test;
using cpi::aws::AwsAccount;
using cpi::vsphere::VcsimWorld;

// One director, one deployment, three clouds: the real director as a process with its own bus, each cloud's CPI as a
// program that a CPI config names. Containers of a lab boot, with the agent of the stemcell; what the simulators of AWS
// and vSphere make has stand-ins.
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  REQUIRE_MESSAGE(value != nullptr, name << " is not set: run this by test/clouds/fleet/in-lab");
  return value;
}

std::size_t files_in(const fs::path& folder, const std::string& extension) {
  std::error_code none;
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder, none)) count += entry.path().extension() == extension;
  return count;
}

struct Fleet {
  AwsAccount account;
  VcsimWorld& vcenter = VcsimWorld::get();
  TempDir folder{"fleet"};
  fs::path storage = fs::path(environment("SLIPWAY_LAB")) / "fleet-storage";
  DirectorProcess director{{.agent_wait_seconds = 60, .address = "10.77.0.1"}};
  std::unique_ptr<StandInAgents> agents;

  Fleet() {
    auto aws = account.config();
    aws["agent"]["mbus"] = director.bus();
    aws["default_instance_type"] = "m5.large";
    // Keys come with each request, from the CPI config.
    for (const auto* key : {"access_key_id", "secret_access_key"}) aws[key] = "not-these";
    director.stop();
    director.allow_program("/libvirt/cpi", {SLIPWAY_CPI_LIBVIRT, libvirt_config_file()});
    director.allow_program("/aws/cpi", {SLIPWAY_CPI_AWS, account.config_file(aws)});
    auto vsphere = vcenter.settings();
    vsphere["agent"]["mbus"] = director.bus();
    write_file_atomically(folder.path() / "vsphere.json", dump(vsphere), 0600);
    director.allow_program("/vsphere/cpi", {SLIPWAY_CPI_VSPHERE, (folder.path() / "vsphere.json").string()});
    director.start();
    agents = std::make_unique<StandInAgents>(std::vector<StandInAgents::Cloud>{
        [this] { return aws_settings(); }, [this] { return vsphere_settings(); }});
    REQUIRE(director
                .send("POST", "/configs",
                      dump({{"name", "default"}, {"type", "cpi"}, {"content", to_yaml(cpi_config())}}),
                      "application/json")
                .status == 201);
    REQUIRE(director.send("POST", "/cloud_configs", to_yaml(cloud_config())).status == 201);
  }

  std::string libvirt_config_file() const {
    const auto file = folder.path() / "libvirt.json";
    fs::create_directories(storage);
    const Json host = {{"name", "h1"}, {"az", "z1"}, {"mode", "lxc"}, {"storage", storage.string()}};
    const Json config = {{"hosts", Json::array({host})},
                         {"agent", {{"mbus", director.bus()}}},
                         {"defaults", {{"bridge", "lab0"}, {"ram", 256}, {"ephemeral_disk", 256}}}};
    write_file_atomically(file, dump(config), 0600);
    return file.string();
  }

  Json cpi_config() const {
    const auto keys = account.config();
    const Json properties{{"region", account["region"]},
                          {"access_key_id", keys["access_key_id"]},
                          {"secret_access_key", keys["secret_access_key"]}};
    const auto entry = [](const char* name, const char* type, const char* path, const Json& of) {
      return Json{{"name", name}, {"type", type}, {"exec_path", path}, {"properties", of}};
    };
    return {{"cpis",
             {entry("near", "libvirt", "/libvirt/cpi", Json::object()),
              entry("far", "aws", "/aws/cpi", properties),
              entry("house", "vsphere", "/vsphere/cpi", Json::object())}}};
  }

  Json cloud_config() const {
    auto config = parse_yaml(
        "azs: [{name: z1, cpi: near}, {name: z2, cpi: far}, {name: z3, cpi: house}]\n"
        "vm_types: [{name: small}]\n"
        "disk_types: [{name: data, disk_size: 128}]\n"
        "networks:\n"
        "- name: default\n"
        "  type: manual\n"
        "  subnets:\n"
        "  - {range: 10.77.0.0/16, gateway: 10.77.0.1, azs: [z1], dns: [10.77.0.1], reserved: [10.77.0.2 - "
        "10.77.9.255], cloud_properties: {bridge: lab0}}\n"
        "  - {range: 10.60.0.0/20, gateway: 10.60.0.1, azs: [z2], dns: [10.60.0.2], reserved: [10.60.0.2 - "
        "10.60.0.20]}\n"
        "  - {range: 10.78.0.0/24, gateway: 10.78.0.1, azs: [z3], dns: [10.78.0.1], cloud_properties: {name: "
        "VM Network}}\n"
        "compilation: {workers: 1, az: z1, network: default, vm_type: small}\n",
        "cloud config");
    config["networks"][0]["subnets"][1]["cloud_properties"] = {
        {"subnet", account["subnet"]}, {"security_groups", {account["security_group"]}}};
    return config;
  }

  static std::string manifest(int instances, const std::string& value) {
    auto manifest = parse_yaml(sample_manifest(instances, value), "manifest");
    manifest["stemcells"][0]["os"] = "debian-bookworm";
    manifest["update"]["canary_watch_time"] = manifest["update"]["update_watch_time"] = "1000-60000";
    manifest["instance_groups"][0]["azs"] = {"z1", "z2", "z3"};
    manifest["instance_groups"][0]["persistent_disk_type"] = "data";
    return to_yaml(manifest);
  }

  // For both simulators: its image is vSphere's, and AWS takes the AMI it names.
  std::string simulators_stemcell() const {
    const auto image = read_file(vcenter.image());
    return tarball({{"stemcell.MF", "name: debian\nversion: '1.0'\noperating_system: debian-bookworm\nsha1: '" +
                                        sha1_hex(image) +
                                        "'\napi_version: 3\nstemcell_formats: [vsphere-ovf, aws-light]\n"
                                        "cloud_properties: {ami: {" +
                                        account["region"] + ": " + account["ami"] + "}}\n"},
                    {"image", image}});
  }

  std::vector<std::string> containers() const {
    const auto listed = run({.argv = {"virsh", "--quiet", "--connect", "lxc:///system", "list", "--all", "--name"}});
    REQUIRE(listed.ok());
    std::vector<std::string> names;
    std::istringstream lines(listed.standard_output);
    for (std::string name; std::getline(lines, name);) {
      if (!name.empty()) names.push_back(name);
    }
    return names;
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

  std::map<std::string, Json> vsphere_settings() const {
    std::map<std::string, Json> settings;
    for (const auto& name : house_vms()) {
      const auto vm = vcenter.properties_of({name}, {"config.extraConfig", "runtime.powerState"});
      if (vm.text("runtime.powerState") != "poweredOn") continue;
      for (const auto& option : vm.get("config.extraConfig").children("OptionValue")) {
        if (option.text("key") != "guestinfo.userdata") continue;
        auto found = parse_json(base64_decode(option.text("value")), "guestinfo");
        const auto agent = found.at("agent_id").get<std::string>();
        settings[agent] = std::move(found);
      }
    }
    return settings;
  }

  std::vector<std::string> house_vms() const { return vcenter.vms_in("DC0/vm/slipway/vms"); }
  std::size_t house_disks() const {
    const auto files = vcenter.disk_files();  // a descriptor and its extent each
    return static_cast<std::size_t>(std::count_if(files.begin(), files.end(), [](const std::string& name) {
      return name.ends_with(".vmdk") && !name.ends_with("-flat.vmdk");
    }));
  }
  std::size_t aws_disks() const {
    return account.tagged("DescribeVolumes", "volumeSet", cpi::aws::disk_size_tag).size();
  }
  TaskEnd deploy(int instances, const std::string& value) const {
    return director.deploy(manifest(instances, value));
  }
};

}  // namespace

TEST_CASE(
    "a deployment spreads over three clouds, scales, is recreated and goes, and no cloud holds anything of "
    "it") {
  Fleet fleet;
  const auto node = fleet.director.follow(fleet.director.send_file("/stemcells", environment("SLIPWAY_STEMCELL")));
  REQUIRE_MESSAGE(node.state == "done", node.result);
  REQUIRE(fleet.director.upload("/stemcells", fleet.simulators_stemcell()).state == "done");
  REQUIRE(fleet.director.upload("/releases", SampleRelease{}.bytes()).state == "done");
  CHECK(fleet.director.get("/stemcells").size() == 3);
  const auto spread = [&] {
    return std::vector{fleet.containers().size(), fleet.instances().size(), fleet.house_vms().size()};
  };
  const auto disks = [&] { return std::vector{files_in(fleet.storage / "disks", ".raw"), fleet.aws_disks(), fleet.house_disks()}; };
  using Counts = std::vector<std::size_t>;

  auto end = fleet.deploy(3, "one");
  CAPTURE(end.result);
  REQUIRE(end.state == "done");
  CHECK(spread() == Counts{1, 1, 1});
  CHECK(disks() == Counts{1, 1, 1});

  end = fleet.deploy(6, "two");
  CAPTURE(end.result);
  REQUIRE(end.state == "done");
  CHECK(spread() == Counts{2, 2, 2});
  CHECK(fleet.agents->started() == 4);

  std::set<std::string> before;
  for (const auto& instance : fleet.instances()) before.insert(instance.id);
  for (const auto& name : fleet.house_vms()) before.insert(name);
  for (const auto& name : fleet.containers()) before.insert(name);
  end = fleet.director.follow(fleet.director.send("PUT", "/deployments/dep/jobs/*?state=recreate"));
  CAPTURE(end.result);
  CHECK(end.state == "done");
  CHECK(spread() == Counts{2, 2, 2});
  CHECK(disks() == Counts{2, 2, 2});
  CHECK(fleet.agents->started() == 8);
  for (const auto& instance : fleet.instances()) CHECK_FALSE(before.contains(instance.id));
  for (const auto& name : fleet.house_vms()) CHECK_FALSE(before.contains(name));
  for (const auto& name : fleet.containers()) CHECK_FALSE(before.contains(name));
  CHECK(fleet.agents->agents().violations() == std::vector<std::string>{});

  end = fleet.deploy(3, "two");
  CAPTURE(end.result);
  CHECK(end.state == "done");
  CHECK(spread() == Counts{1, 1, 1});

  end = fleet.director.follow(fleet.director.send("DELETE", "/deployments/dep"));
  CAPTURE(end.result);
  CHECK(end.state == "done");
  CHECK(spread() == Counts{0, 0, 0});
  // Disks of deleted deployments are kept as orphans until they are cleaned up.
  end = fleet.director.follow(
      fleet.director.send("POST", "/cleanup", R"({"config":{"remove_all":true}})", "application/json"));
  CAPTURE(end.result);
  CHECK(end.state == "done");
  CHECK(disks() == Counts{0, 0, 0});
  CHECK(
      fleet.account.tagged("DescribeNetworkInterfaces", "networkInterfaceSet", cpi::aws::agent_tag).empty());
  CHECK(fleet.account.tagged("DescribeVolumes", "volumeSet", cpi::aws::agent_tag).empty());
  for (const auto& entry : fs::directory_iterator(fleet.storage / "stemcells")) {
    CAPTURE(entry.path());
    CHECK_FALSE(entry.is_directory());
  }
  CHECK(fleet.vcenter.vms_in("DC0/vm/slipway/stemcells").empty());
}
