// Runs beside a simulated vCenter: test/vcsim/with-vcsim starts one.
#include "cpi/contract/exec_client.hpp"
#include "cpi/vsphere/vcsim_world.hpp"

using namespace slipway;
using namespace slipway::cpi;
using namespace slipway::cpi::vsphere;

namespace {

suite::Subject in_process() {
  auto& world = VcsimWorld::get();
  return world.subject(std::make_shared<VsphereCpi>(world.config(), Log::discard(), 4));
}

suite::Subject by_exec() {
  auto& world = VcsimWorld::get();
  return world.subject(std::make_shared<ExecCpi>(
      ExecOptions{.command = {SLIPWAY_CPI_VSPHERE, world.config_file().string()}, .director_uuid = "d-1"}));
}

}  // namespace

SLIPWAY_CPI_CONTRACT("vSphere on vcsim, in process", in_process)
SLIPWAY_CPI_CONTRACT("vSphere on vcsim, by exec", by_exec)

TEST_SUITE("vSphere on vcsim, afterwards") {
  TEST_CASE("the simulator holds nothing of what the suite made") {
    auto& world = VcsimWorld::get();
    CHECK(world.vms_in("DC0/vm/slipway/vms").empty());
    CHECK(world.vms_in("DC0/vm/slipway/stemcells").empty());
    // The suite keeps a snapshot of each disk it takes two of: snapshots are copies and survive their disk.
    for (const auto& file : world.disk_files()) {
      CAPTURE(file);
      CHECK(file.starts_with("snapshot-"));
      in_process().cpi->delete_snapshot({file.substr(0, file.find('.'))});
    }
    CHECK(world.disk_files().empty());
  }
}
