#include <atomic>

#include "base/file.hpp"
#include "cpi/contract/exec_client.hpp"
#include "cpi/contract/suite.hpp"
#include "cpi/simulated/simulated_cpi.hpp"

using namespace slipway;
using namespace slipway::cpi;

namespace {

Json next_networks() {
  static std::atomic<int> next{1};
  const int n = next++;
  return {{"default",
           {{"type", "manual"},
            {"ip", "10.1." + std::to_string(n / 250) + "." + std::to_string(n % 250 + 2)},
            {"netmask", "255.255.0.0"},
            {"gateway", "10.1.0.1"},
            {"cloud_properties", Json::object()}}}};
}

// An image with the folder it lies in; lives as long as the subject's Cpi.
struct Files {
  TempDir dir{"simulated-cpi"};
  std::string image = (dir.path() / "image").string();
  Files() { write_file_atomically(image, "a stemcell"); }
};

suite::Subject in_process() {
  struct World : Files {
    SimulatedCloud cloud;
    SystemClock clock;
    SimulatedCpi cpi{cloud, clock};
  };
  const auto world = std::make_shared<World>();
  suite::Subject subject;
  subject.cpi = std::shared_ptr<Cpi>(world, &world->cpi);
  subject.image_path = world->image;
  subject.networks = next_networks;
  subject.vm_exists = [world](const VmCid& vm) { return world->cloud.find_vm(vm).has_value(); };
  subject.disk_exists = [world](const DiskCid& disk) { return world->cloud.find_disk(disk).has_value(); };
  subject.vm_runs = [world](const VmCid& vm) { return !world->cloud.find_vm(vm)->off; };
  subject.looks_into_failed_vms = true;
  return subject;
}

suite::Subject by_exec() {
  struct World : Files {
    ExecCpi cpi{{.command = {SLIPWAY_CPI_SIMULATED, dir.path().string()}, .director_uuid = "d-1"}};
    Json truth() const { return parse_json(read_file(dir.path() / "cloud.json"), "cloud.json"); }
  };
  const auto world = std::make_shared<World>();
  suite::Subject subject;
  subject.cpi = std::shared_ptr<Cpi>(world, &world->cpi);
  subject.image_path = world->image;
  subject.networks = next_networks;
  subject.vm_exists = [world](const VmCid& vm) { return world->truth()["vms"].contains(vm.value); };
  subject.disk_exists = [world](const DiskCid& disk) { return world->truth()["disks"].contains(disk.value); };
  subject.looks_into_failed_vms = true;
  return subject;
}

}  // namespace

SLIPWAY_CPI_CONTRACT("the simulated CPI, in process", in_process)
SLIPWAY_CPI_CONTRACT("the simulated CPI, by exec", by_exec)
