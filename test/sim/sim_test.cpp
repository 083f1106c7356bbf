#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/file.hpp"
#include "base/parallel.hpp"
#include "test/sim/simulation.hpp"

using namespace slipway;
using namespace slipway::sim;
using namespace std::chrono_literals;

namespace {

std::vector<Outcome> simulate_all(const std::vector<std::uint64_t>& seeds) {
  std::vector<Outcome> outcomes(seeds.size());
  const auto at_once = std::max(1u, std::thread::hardware_concurrency());
  parallel_for(seeds.size(), at_once, [&](std::size_t i) { outcomes[i] = simulate({.seed = seeds[i]}); });
  return outcomes;
}

void expect_good(const Outcome& outcome) {
  INFO("replay: ./dev sim --seed " << outcome.seed << " --trace");
  CHECK(outcome.problem == "");
}

// What is told of a world in which `sabotage` was committed.
std::string told_of(std::function<void(test::DirectorWorld&)> sabotage) {
  return simulate({.seed = 1, .storm = 2min, .calm = 5min, .sabotage = std::move(sabotage)}).problem;
}

}  // namespace

// SLIPWAY_SIM_WORLDS; as it is, what two cores do in about a hundred seconds.
TEST_CASE("worlds break no rule and come to rest, and every fault has struck") {
  const char* wanted = std::getenv("SLIPWAY_SIM_WORLDS");
  const auto count = wanted ? std::stoull(wanted) : std::uint64_t{120};
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t seed = 1; seed <= count; ++seed) seeds.push_back(seed);
  std::map<std::string, int> faults;
  for (const auto& outcome : simulate_all(seeds)) {
    expect_good(outcome);
    for (const auto& [name, times] : outcome.faults) faults[name] += times;
  }
  CHECK(faults.size() == fault_names().size());
  for (const auto& name : fault_names()) CHECK_MESSAGE(faults[name] > 0, name << " has never struck");
}

TEST_CASE("the same seed makes the same history, other seeds make others") {
  const auto outcomes = simulate_all({7, 8, 7, 8});
  CHECK(outcomes[0].lines > 100);
  CHECK(outcomes[0].digest == outcomes[2].digest);
  CHECK(outcomes[1].digest == outcomes[3].digest);
  CHECK(outcomes[0].digest != outcomes[1].digest);
}

TEST_CASE("a world that is not as it shall be is found out") {
  SUBCASE("a VM that nobody knows") {
    const auto told = told_of([](test::DirectorWorld& ground) {
      const auto stemcell = ground.cloud.stemcells().begin()->first;
      ground.cloud.create_vm({.agent = cpi::AgentId{"stranger"}, .stemcell = stemcell});
    });
    CHECK(told.find("VM vm-stranger is in the cloud only") != std::string::npos);
  }
  SUBCASE("a disk that nobody knows") {
    const auto told = told_of([](test::DirectorWorld& ground) { ground.cloud.create_disk(1, Json::object(), {}); });
    CHECK(told.find("is in the cloud only") != std::string::npos);
  }
  SUBCASE("an instance whose data are on no disk of its own any more") {
    const auto told = told_of([](test::DirectorWorld& ground) {
      const auto disks = ground.cloud.disks();
      const auto first = disks.begin()->first, second = std::next(disks.begin())->first;
      ground.database.run("UPDATE disks SET cid = 'x' WHERE cid = :1", {first.value});
      ground.database.run("UPDATE disks SET cid = :1 WHERE cid = :2", {first.value, second.value});
      ground.database.run("UPDATE disks SET cid = :1 WHERE cid = 'x'", {second.value});
    });
    CHECK(told.find("has lost its data") != std::string::npos);
  }
  // Of a deployment that is gone: one that is there frees what it does not need with its next deploy.
  SUBCASE("an address that is kept for nobody") {
    const auto told = told_of([](test::DirectorWorld& ground) {
      const director::IpRecord ip{.address = "10.9.0.200", .deployment = "gone", .agent = {"nobody"}, .network = "default"};
      REQUIRE(ground.stores.ips.reserve(ip, ground.clock.now()));
    });
    CHECK(told.find("address 10.9.0.200 is kept for nobody") != std::string::npos);
  }
  SUBCASE("a blob that nobody has") {
    const auto told = told_of([](test::DirectorWorld& ground) {
      const auto file = ground.folder.path() / "blob";
      write_file_atomically(file, "left over");
      ground.blobs.put_file(file);
    });
    CHECK(told.find("is nobody's: left over") != std::string::npos);
  }
  SUBCASE("a client's task that is forgotten") {
    const auto told = simulate({.seed = 1, .sabotage = [](test::DirectorWorld& ground) {
                                  ground.database.run("DELETE FROM tasks WHERE state = 'done'");
                                }}).problem;
    CHECK(told.find("was acknowledged and is gone") != std::string::npos);
  }
}
