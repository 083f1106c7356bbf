#include <atomic>

#include "base/file.hpp"
#include "base/yaml.hpp"
#include "cpi/contract/exec_client.hpp"
#include "cpi/contract/suite.hpp"
#include "test/scenario/bad_input/director_process.hpp"
#include "test/scenario/bad_input/samples.hpp"

using namespace slipway;
using namespace slipway::cpi;
using namespace slipway::test;

namespace {

Json next_networks() {
  static std::atomic<int> next{1};
  return {{"default",
           {{"type", "manual"},
            {"ip", "10.7.0." + std::to_string(next++ + 10)},
            {"cloud_properties", Json::object()}}}};
}

suite::Subject foreign() {
  struct World {
    TempDir dir{"foreign-cpi"};
    std::string image = (dir.path() / "image").string();
    ExecCpi cpi{{.command = {SLIPWAY_FOREIGN_CPI, dir.path().string()}, .director_uuid = "d-1"}};
    World() { write_file_atomically(image, "a stemcell"); }
    Json truth() const { return parse_json(read_file(dir.path() / "cloud.json"), "cloud.json"); }
  };
  const auto world = std::make_shared<World>();
  suite::Subject subject;
  subject.cpi = std::shared_ptr<Cpi>(world, &world->cpi);
  subject.image_path = world->image;
  subject.networks = next_networks;
  subject.makes_networks = false;
  subject.vm_exists = [world](const VmCid& vm) { return world->truth()["vms"].contains(vm.value); };
  subject.disk_exists = [world](const DiskCid& disk) { return world->truth()["disks"].contains(disk.value); };
  return subject;
}

}  // namespace

SLIPWAY_CPI_CONTRACT("a CPI in Python, written from its page alone", foreign)

TEST_CASE("the director runs a CPI it did not ship, named by a CPI config") {
  const TempDir folder{"foreign-cloud"};
  DirectorProcess director({.agent_wait_seconds = 3});
  director.stop();
  director.allow_program("/opt/foreign_cpi/bin/cpi", {SLIPWAY_FOREIGN_CPI, folder.path().string()});
  director.start();
  const auto config = [](const std::string& path) {
    return Json{{"name", "foreign"},
                {"type", "cpi"},
                {"content", to_yaml({{"cpis", Json::array({{{"name", "elsewhere"},
                                                            {"type", "foreign"},
                                                            {"exec_path", path},
                                                            {"properties", {{"account", "tenant-7"}}}}})}})}};
  };
  const auto post = [&](const std::string& path) {
    return director.send("POST", "/configs", dump(config(path)), "application/json").status;
  };
  CHECK(post("/bin/sh") == 400);
  REQUIRE(post("/opt/foreign_cpi/bin/cpi") == 201);
  auto cloud = parse_yaml(sample_cloud_config(), "cloud config");
  for (auto& zone : cloud["azs"]) zone["cpi"] = "elsewhere";
  REQUIRE(director.send("POST", "/cloud_configs", to_yaml(cloud)).status == 201);

  const auto truth = [&] { return parse_json(read_file(folder.path() / "cloud.json"), "cloud.json"); };
  CHECK(director.upload("/stemcells", sample_stemcell()).state == "done");
  CHECK(truth()["stemcells"].size() == 1);
  REQUIRE(director.upload("/releases", SampleRelease{}.bytes()).state == "done");
  // Nobody boots what this cloud makes: the deploy waits in vain for the agent, and takes the VM away again.
  const auto deploy = director.send("POST", "/deployments", sample_manifest());
  CHECK(until(std::chrono::seconds(60), [&] { return !truth()["vms"].empty(); }));
  const auto vms = truth()["vms"];
  for (const auto& vm : vms) {
    CHECK(vm["by"] == "tenant-7");
    CHECK(vm["env"]["bosh"]["mbus"]["cert"].contains("certificate"));
  }
  CHECK(director.follow(deploy).state == "error");
  CHECK(director.follow(director.send("DELETE", "/deployments/dep")).state == "done");
  CHECK(truth()["vms"].empty());
  CHECK(director.cloud().value("vms", Json::object()).empty());
}
