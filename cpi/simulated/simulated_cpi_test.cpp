#include "cpi/simulated/simulated_cpi.hpp"

#include <doctest/doctest.h>

#include "base/file.hpp"

using namespace slipway;
using namespace slipway::cpi;
using namespace std::chrono_literals;

namespace {

struct World {
  TempDir dir{"simulated"};
  SimulatedCloud cloud;
  ManualClock clock;
  SimulatedCpi cpi{cloud, clock, 7};
  StemcellCid stemcell;

  World() {
    write_file_atomically(dir.path() / "image", "x");
    stemcell = cpi.create_stemcell((dir.path() / "image").string(), Json::object(), Json::object());
  }
  CreateVm request(const std::string& agent, const std::string& ip) const {
    CreateVm vm;
    vm.agent = {agent};
    vm.stemcell = stemcell;
    vm.networks = {{"default", {{"type", "manual"}, {"ip", ip}}}};
    return vm;
  }
};

template <class Action>
Fault fault_of(Action&& action) {
  try {
    action();
  } catch (const CpiError& error) {
    return error.fault();
  }
  FAIL("nothing went wrong");
  return Fault::internal;
}

}  // namespace

TEST_CASE("two VMs with one address are refused and remembered") {
  World world;
  world.cpi.create_vm(world.request("a", "10.0.0.5"));
  CHECK_THROWS_AS(world.cpi.create_vm(world.request("b", "10.0.0.5")), CpiError);
  REQUIRE(world.cloud.violations().size() == 1);
  CHECK(world.cloud.violations()[0].find("10.0.0.5") != std::string::npos);
  CHECK(world.cloud.vms().size() == 1);
  world.cpi.delete_vm({"vm-a"});
  CHECK_NOTHROW(world.cpi.create_vm(world.request("b", "10.0.0.5")));
}

TEST_CASE("deleting what is in use is refused and remembered") {
  World world;
  const auto vm = world.cpi.create_vm(world.request("a", "10.0.0.5")).vm;
  const auto disk = world.cpi.create_disk(10, Json::object(), vm);
  world.cpi.attach_disk(vm, disk);
  CHECK_THROWS_AS(world.cpi.delete_disk(disk), CpiError);
  CHECK_THROWS_AS(world.cpi.delete_stemcell(world.stemcell), CpiError);
  CHECK(world.cloud.violations().size() == 2);
}

TEST_CASE("a fault before the effect changes nothing, one after it has changed everything") {
  World world;
  world.cpi.fail_next("create_vm", CallFault::error_before);
  CHECK(fault_of([&] { world.cpi.create_vm(world.request("a", "10.0.0.5")); }) == Fault::internal);
  CHECK(world.cloud.vms().empty());
  world.cpi.fail_next("create_vm", CallFault::unknown_after);
  CHECK(fault_of([&] { world.cpi.create_vm(world.request("a", "10.0.0.5")); }) == Fault::outcome_unknown);
  CHECK(world.cloud.vms().size() == 1);
  CHECK(world.cpi.create_vm(world.request("a", "10.0.0.5")).vm == VmCid{"vm-a"});
  CHECK(world.cpi.calls("create_vm") == 3);
}

TEST_CASE("a busy cloud says that a retry helps and a full one that it does not") {
  World world;
  world.cpi.fail_next("create_vm", CallFault::retry_before, 2);
  CHECK(fault_of([&] { world.cpi.create_vm(world.request("a", "10.0.0.5")); }) == Fault::retryable);
  CHECK(fault_of([&] { world.cpi.create_vm(world.request("a", "10.0.0.5")); }) == Fault::retryable);
  CHECK_NOTHROW(world.cpi.create_vm(world.request("a", "10.0.0.5")));
  world.cpi.fail_next("create_disk", CallFault::no_space);
  CHECK(fault_of([&] { world.cpi.create_disk(1, Json::object(), {}); }) == Fault::exhausted);
}

TEST_CASE("the same seed draws the same faults") {
  const auto outcomes = [](std::uint64_t seed) {
    World world;
    SimulatedCpi cpi(world.cloud, world.clock, seed, {.chances = {{CallFault::error_before, 0.3}, {CallFault::unknown_after, 0.3}}});
    std::string trace;
    for (int i = 0; i < 50; ++i) {
      try {
        cpi.create_disk(1, Json::object(), {});
        trace += 'o';
      } catch (const CpiError& error) {
        trace += error.fault() == Fault::outcome_unknown ? '?' : 'x';
      }
    }
    return trace;
  };
  CHECK(outcomes(1) == outcomes(1));
  CHECK(outcomes(1) != outcomes(2));
  CHECK(outcomes(1).find('?') != std::string::npos);
  CHECK(outcomes(1).find('x') != std::string::npos);
}

TEST_CASE("latency passes on the injected clock") {
  World world;
  world.cpi.set_plan({.min_latency = 2s, .max_latency = 2s});
  const auto begun = world.clock.monotonic();
  world.cpi.has_vm({"vm-a"});
  CHECK(world.clock.monotonic() - begun == 2s);
}

TEST_CASE("hooks see each VM once and with its settings") {
  World world;
  std::vector<std::string> seen;
  world.cloud.on_vm_created = [&](const VmCid& vm, const SimulatedVm& made) {
    CHECK(world.cloud.find_vm(vm).has_value());
    seen.push_back("+" + made.agent.value);
  };
  world.cloud.on_vm_deleted = [&](const VmCid&, const SimulatedVm& gone) { seen.push_back("-" + gone.agent.value); };
  world.cpi.create_vm(world.request("a", "10.0.0.5"));
  world.cpi.create_vm(world.request("a", "10.0.0.5"));
  world.cpi.delete_vm({"vm-a"});
  CHECK(seen == std::vector<std::string>{"+a", "-a"});
}

TEST_CASE("a lost VM frees its disks") {
  World world;
  const auto vm = world.cpi.create_vm(world.request("a", "10.0.0.5")).vm;
  const auto disk = world.cpi.create_disk(10, Json::object(), vm);
  world.cpi.attach_disk(vm, disk);
  world.cloud.lose_vm(vm);
  CHECK_FALSE(world.cpi.has_vm(vm));
  CHECK_FALSE(world.cloud.find_disk(disk)->attached_to);
}

TEST_CASE("the cloud survives being written and read") {
  World world;
  const auto vm = world.cpi.create_vm(world.request("a", "10.0.0.5")).vm;
  world.cpi.attach_disk(vm, world.cpi.create_disk(10, Json::object(), vm));
  SimulatedCloud copy;
  copy.load(world.cloud.to_json());
  CHECK(copy.to_json() == world.cloud.to_json());
  CHECK_THROWS_AS(copy.load(Json{{"counter", "x"}}), Error);
}
