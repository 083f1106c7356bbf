// Our builder's stemcell on a simulated vCenter: test/clouds/with-stemcell and test/vcsim/with-vcsim start it.
#include <doctest/doctest.h>

#include <algorithm>

#include "cpi/vsphere/devices.hpp"
#include "cpi/vsphere/folders.hpp"
#include "cpi/vsphere/image.hpp"
#include "cpi/vsphere/inventory.hpp"
#include "cpi/vsphere/vcsim_world.hpp"
#include "test/clouds/built_stemcell.hpp"

using namespace slipway;
using namespace slipway::cpi;
using namespace slipway::cpi::vsphere;

namespace vsphere_stemcell_test {

TEST_CASE("the stemcell that our builder makes becomes a template that VMs are cloned from, and goes without a trace") {
  const test::BuiltStemcell stemcell;
  auto& world = VcsimWorld::get();
  const auto config = world.config();
  const auto transport = std::make_shared<TestTransport>(config.ca_pem, true);
  VsphereCpi cpi{config, Log::discard(), 4, transport};
  CHECK(stemcell.has_format(cpi.info().stemcell_formats));

  const auto unpacked = stemcell.folder.path() / "unpacked";
  std::filesystem::create_directory(unpacked);
  const auto image = unpack_image(stemcell.image.string(), unpacked);
  REQUIRE(image.files.size() == 1);

  const auto cid =
      cpi.create_stemcell(stemcell.image.string(), stemcell.manifest["cloud_properties"], {{"director", "d"}});
  const auto sent = transport->take_names();
  CHECK(std::count(sent.begin(), sent.end(), "PUT /nfc") + std::count(sent.begin(), sent.end(), "POST /nfc") == 1);
  const auto folder = "DC0/vm/slipway/stemcells/" + cid.value;
  const auto names = world.vms_in(folder);
  REQUIRE(names.size() == 1);
  world.look([&](Session& session) {
    const auto seen = retrieve_one(session, *find_by_path(session, folder + "/" + names[0]),
                                   {"config.template", "config.guestId", "config.hardware.device"});
    CHECK(seen->get("config.template").flag());
    CHECK(seen->text("config.guestId") == "debian10_64Guest");
    int disks = 0, paravirtual = 0, places_for_settings = 0;
    for (const auto& device : read_devices(seen->get("config.hardware.device"))) {
      disks += device.is_disk();
      paravirtual += device.type == "ParaVirtualSCSIController";
      places_for_settings += device.is_cdrom() || device.is_ide_controller();
      CHECK_FALSE(device.is_nic());
    }
    CHECK(disks == 1);
    CHECK(paravirtual == 1);
    CHECK(places_for_settings > 0);
  });

  CreateVm request;
  request.agent = {"of-our-stemcell"};
  request.stemcell = cid;
  request.networks = world.networks();
  const auto vm = cpi.create_vm(request).vm;
  CHECK(world.vm_runs(vm));
  cpi.delete_vm(vm);
  cpi.delete_stemcell(cid);
  CHECK(world.vms_in(folder).empty());
}

}  // namespace vsphere_stemcell_test
