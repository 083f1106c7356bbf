#include <doctest/doctest.h>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "director/uploads/upload_folder.hpp"
#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace slipway::director;

namespace {

// Two CPIs of one cloud, and a zone for each.
struct TwoClouds : DirectorWorld {
  cpi::SimulatedCpi east{cloud, clock, 2}, west{cloud, clock, 3};

  TwoClouds() {
    cpis->add("east", east);
    cpis->add("west", west);
    set_zones("east", "west");
  }

  void set_zones(const std::string& first, const std::string& second) {
    set_cloud_config(
        "azs: [{name: z1, cpi: " + first + "}, {name: z2, cpi: " + second + "}]\n" +
        "vm_types: [{name: small, cloud_properties: {cpu: 1}}]\n"
        "networks:\n- name: default\n  type: manual\n  subnets:\n"
        "  - {range: 10.9.0.0/24, gateway: 10.9.0.1, azs: [z1, z2], reserved: [10.9.0.2 - 10.9.0.9]}\n"
        "compilation: {workers: 1, az: z2, network: default, vm_type: small}\n");
  }

  // The stemcell 2.0 as the folder that an upload task is given.
  std::string stemcell() {
    const auto tarball = folder.path() / "stemcell.tgz";
    ArchiveWriter writer(tarball);
    writer.add("stemcell.MF", "name: simulated-debian\nversion: '2.0'\noperating_system: debian\nsha1: " +
                                  sha1_hex("image") + "\napi_version: 3\ncloud_properties: {}\n");
    writer.add("image", "image");
    writer.finish();
    struct Bytes final : http::BodyReader {
      std::string text;
      std::size_t read(std::span<char> out) override {
        const auto size = std::min(out.size(), text.size());
        text.copy(out.data(), size);
        text.erase(0, size);
        return size;
      }
      std::optional<std::uint64_t> length() const override { return std::nullopt; }
    } body;
    body.text = read_file(tarball);
    return UploadFolder(folder.path() / "uploads", random).receive_stemcell(body, {}, {}).string();
  }
  void upload_stemcell() { run_artifact(update_stemcell, {{"path", stemcell()}}); }
};

std::string manifest(int instances) {
  auto text = simple_manifest(instances);
  const std::string zones = "azs: [z1, z2, z3]";
  return text.replace(text.find(zones), zones.size(), "azs: [z1, z2]");
}

}  // namespace

TEST_CASE("a stemcell is made once by each CPI, and needed until every CPI was asked") {
  TwoClouds world;
  CHECK(stemcell_needed(world.stores, *world.cpis, "simulated-debian", "2.0"));
  world.upload_stemcell();
  CHECK(world.east.calls("create_stemcell") == 1);
  CHECK(world.west.calls("create_stemcell") == 1);
  CHECK_FALSE(stemcell_needed(world.stores, *world.cpis, "simulated-debian", "2.0"));
  cpi::SimulatedCpi north(world.cloud, world.clock, 4);
  world.cpis->add("north", north);
  CHECK(stemcell_needed(world.stores, *world.cpis, "simulated-debian", "2.0"));
  world.upload_stemcell();
  CHECK(world.east.calls("create_stemcell") == 1);
  CHECK(north.calls("create_stemcell") == 1);
}

TEST_CASE("VMs and disks are made by the CPI of their zone, and remember it") {
  TwoClouds world;
  world.upload_stemcell();
  world.deploy(manifest(2));
  CHECK(world.east.calls("create_vm") == 1);
  CHECK(world.west.calls("create_vm") == 2);  // one of them compiled
  CHECK(world.cpi.calls("create_vm") == 0);
  for (int i = 0; i < 2; ++i) {
    const auto expected = world.instance("server", i).az == "z1" ? "east" : "west";
    CHECK(world.vm("server", i).cpi == expected);
    CHECK(world.stores.disks.of_instance(world.instance("server", i).id).at(0).cpi == expected);
  }
  world.remove("dep", true);
  CHECK(world.nothing_left());
}

TEST_CASE("a CPI that took a name over has its VMs, disks and stemcells, and nothing is made anew") {
  TwoClouds world;
  world.upload_stemcell();
  world.deploy(manifest(2));
  const auto before = world.vm("server", 0).cid;
  cpi::SimulatedCpi orient(world.cloud, world.clock, 4);
  world.cpis->remove("east");
  world.cpis->add("orient", orient, {"east"});
  world.set_zones("orient", "west");
  CHECK_FALSE(stemcell_needed(world.stores, *world.cpis, "simulated-debian", "2.0"));
  world.deploy(manifest(2));
  CHECK(world.vm("server", 0).cid == before);
  CHECK(orient.calls("create_vm") == 0);
  world.deploy(manifest(2), {.recreate = true});
  CHECK(orient.calls("delete_vm") == 1);
  CHECK(orient.calls("create_vm") == 1);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a zone whose CPI is in no CPI config is told with the names that are") {
  TwoClouds world;
  world.upload_stemcell();
  world.set_zones("east", "nowhere");
  try {
    world.deploy(manifest(2));
    FAIL("deployed");
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(text.find("azs.z2.cpi") != std::string::npos);
    CHECK(text.find("'nowhere'") != std::string::npos);
    CHECK(text.find("'east'") != std::string::npos);
  }
}
