#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "test/scenario/director/death.hpp"

using namespace slipway;
using namespace slipway::test;
using director::DeployOptions;

namespace {

int count(const std::vector<std::string>& calls, const std::string& call) {
  return static_cast<int>(std::count(calls.begin(), calls.end(), call));
}

}  // namespace

TEST_CASE("a first deploy makes all instances run, spread over the zones, each with its disk") {
  DirectorWorld world;
  world.deploy(simple_manifest(3));
  std::set<std::string> zones, addresses;
  for (int i = 0; i < 3; ++i) {
    const auto vm = world.vm("server", i);
    CHECK(world.agents.job_state(vm.agent) == "running");
    CHECK(world.agents.mounted(vm.agent).size() == 1);
    zones.insert(world.instance("server", i).az);
    addresses.insert(vm.networks["default"]["ip"].get<std::string>());
  }
  CHECK(zones.size() == 3);
  CHECK(addresses == std::set<std::string>{"10.9.0.10", "10.9.0.11", "10.9.0.12"});
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a package is compiled once and its compilation VMs are gone afterwards") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  CHECK(world.cloud.vms().size() == 2);
  const auto made = world.cpi.calls("create_vm");
  world.deploy(simple_manifest(3));
  CHECK(world.cpi.calls("create_vm") == made + 1);
  CHECK(world.stores.ips.all().size() == 3);
}

TEST_CASE("deploying the same manifest again changes nothing") {
  DirectorWorld world;
  world.deploy(simple_manifest(3));
  const auto calls = world.cpi.calls();
  const auto agent = world.vm("server", 0).agent;
  const auto applied = count(world.agents.calls(agent), "apply");
  world.deploy(simple_manifest(3));
  CHECK(world.cpi.calls() == calls);
  CHECK(count(world.agents.calls(agent), "apply") == applied);
}

TEST_CASE("a changed property is brought in place, one instance at a time") {
  DirectorWorld world;
  world.deploy(simple_manifest(3));
  const auto before = world.vm("server", 1).cid;
  world.deploy(simple_manifest(3, "two"));
  CHECK(world.vm("server", 1).cid == before);
  CHECK(world.agents.most_stopped_at_once() == 1);
  const auto calls = world.agents.calls(world.vm("server", 1).agent);
  const std::vector<std::string> wanted = {
      "prepare", "run_script:pre-stop",  "drain", "stop", "run_script:post-stop",
      "apply",   "run_script:pre-start", "start"};
  std::size_t at = 0;
  const auto from = std::find(calls.begin(), calls.end(), "prepare");
  for (auto it = from; it != calls.end() && at < wanted.size(); ++it) at += *it == wanted[at] ? 1 : 0;
  CHECK(at == wanted.size());
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a certificate that is made anew is brought in place, and once") {
  DirectorWorld world;
  const auto manifest = [](const std::string& mode) {
    return simple_manifest(3, "((server.certificate))") +
           "variables:\n"
           "- {name: ca, type: certificate, options: {is_ca: true, common_name: ca}}\n"
           "- {name: server, type: certificate, update_mode: " +
           mode + ", options: {ca: ca, common_name: server}}\n";
  };
  const auto certificate = [&](const char* name) {
    return world.stores.variable_values.latest(std::string("/") + world.services.settings.director_name + "/dep/" + name)
        ->value.at("certificate");
  };
  world.deploy(manifest("no-overwrite"));
  const auto cid = world.vm("server", 1).cid;
  const auto ca = certificate("ca"), server = certificate("server");
  const auto agent = world.vm("server", 1).agent;
  const auto applied = count(world.agents.calls(agent), "apply");

  world.deploy(manifest("overwrite"));
  CHECK(world.vm("server", 1).cid == cid);
  CHECK(count(world.agents.calls(agent), "apply") == applied + 1);
  CHECK(world.agents.most_stopped_at_once() == 1);
  CHECK(certificate("ca") == ca);
  const auto rotated = certificate("server");
  CHECK(rotated != server);

  world.deploy(manifest("no-overwrite"));
  CHECK(certificate("server") == rotated);
  CHECK(count(world.agents.calls(agent), "apply") == applied + 1);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a deploy that is to stop between instances leaves none half done, and the next one does the rest") {
  DirectorWorld world;
  world.deploy(simple_manifest(3));
  std::atomic<bool> stopping{false};
  std::optional<cpi::AgentId> first;
  world.stopping = [&] { return stopping.load(); };
  world.agents.before = [&](const cpi::AgentId& agent, const std::string& method) {
    if (method != "drain" || stopping) return;
    first = agent;
    stopping = true;  // in the middle of the first one
  };
  try {
    world.deploy(simple_manifest(3, "two"));
    FAIL("the deploy went on");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::cancelled);
  }
  REQUIRE(first);
  for (int i = 0; i < 3; ++i) {
    const auto agent = world.vm("server", i).agent;
    CHECK(world.agents.job_state(agent) == "running");
    CHECK(count(world.agents.calls(agent), "drain") == (agent == *first ? 1 : 0));
  }
  world.stopping = [] { return false; };
  world.deploy(simple_manifest(3, "two"));
  for (int i = 0; i < 3; ++i) CHECK(count(world.agents.calls(world.vm("server", i).agent), "drain") == 1);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("scaling down stops, drains and deletes the surplus and keeps its disk as an orphan") {
  DirectorWorld world;
  world.deploy(simple_manifest(3));
  world.deploy(simple_manifest(1));
  CHECK(world.cloud.vms().size() == 1);
  CHECK(world.stores.disks.orphaned().size() == 2);
  CHECK(world.stores.ips.all().size() == 1);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("recreate replaces every VM and keeps addresses and disks") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  const auto old_vm = world.vm("server", 0);
  const auto old_disk = world.stores.disks.of_instance(old_vm.instance).at(0).cid;
  world.deploy(simple_manifest(2), {.recreate = true});
  const auto new_vm = world.vm("server", 0);
  CHECK(new_vm.cid != old_vm.cid);
  CHECK(new_vm.networks == old_vm.networks);
  CHECK(world.cloud.find_disk(old_disk)->attached_to == new_vm.cid);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a lost VM costs its own instance only, fails a deploy that must touch it, and comes back with fix") {
  DirectorWorld world;
  world.deploy(simple_manifest(3));
  const auto lost = world.vm("server", 1);
  world.cloud.lose_vm(*lost.cid);
  world.deploy(simple_manifest(3));
  CHECK(std::any_of(world.events.begin(), world.events.end(), [](const std::string& line) {
    return line.find("\"type\":\"warning\"") != std::string::npos && line.find("its agent does not answer") != std::string::npos;
  }));
  const auto calls = world.cpi.calls();
  const auto applied = count(world.agents.calls(world.vm("server", 0).agent), "apply");
  CHECK_THROWS_WITH_AS(world.deploy(simple_manifest(4, "two")), doctest::Contains("--fix"), Error);
  CHECK(world.cpi.calls() == calls);
  CHECK(count(world.agents.calls(world.vm("server", 0).agent), "apply") == applied);
  CHECK(world.stores.instances.of_deployment("dep").size() == 3);
  world.deploy(simple_manifest(3), {.fix = true});
  CHECK(world.vm("server", 1).cid != lost.cid);
  CHECK(world.agents.job_state(world.vm("server", 1).agent) == "running");
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a VM whose host was away when it was to go lets go of its disk before it goes at last") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  world.cloud.watch_closely();
  const auto disk = world.stores.disks.of_deployment("dep").at(0).cid;
  world.agents.deafen(world.vm("server", 0).agent);
  for (const auto* method : {"detach_disk", "delete_vm"}) world.cpi.fail_next(method, cpi::CallFault::error_before);
  CHECK_THROWS_AS(world.deploy(simple_manifest(1), {.fix = true}), Error);
  world.deploy(simple_manifest(1), {.fix = true});
  CHECK(world.agents.mounted(world.vm("server", 0).agent) == std::set<std::string>{disk.value});
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a bigger disk takes the data along and leaves the old one as an orphan") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  world.deploy(simple_manifest(1, "one", 2048));
  const auto vm = world.vm("server", 0);
  CHECK(count(world.agents.calls(vm.agent), "migrate_disk") == 1);
  CHECK(world.agents.mounted(vm.agent).size() == 1);
  CHECK(world.stores.disks.orphaned().size() == 1);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("deleting a deployment with its disks leaves nothing at all") {
  DirectorWorld world;
  world.deploy(simple_manifest(3));
  world.remove("dep", true);
  CHECK(world.nothing_left());
  CHECK(world.cloud.violations() == std::vector<std::string>{});
}

TEST_CASE("a dry run leaves cloud and store as they were") {
  DirectorWorld world;
  world.deploy(simple_manifest(3), {.dry_run = true});
  CHECK(world.cloud.vms().empty());
  CHECK(world.stores.ips.all().empty());
  CHECK(world.stores.deployments.all().empty());
}

TEST_CASE("a failing start fails the deploy, says which instance, and the next deploy finishes") {
  DirectorWorld world;
  world.agents.fail_next("start", "no such program");
  CHECK_THROWS_WITH_AS(world.deploy(simple_manifest(3)), doctest::Contains("server/"), Error);
  world.deploy(simple_manifest(3));
  for (int i = 0; i < 3; ++i) CHECK(world.agents.job_state(world.vm("server", i).agent) == "running");
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("jobs that never run fail the deploy once the watch time is over, with BOSH's code and the first one's state") {
  DirectorWorld world;
  world.agents.state_after_start = "failing";
  const auto began = world.clock.monotonic();
  try {
    world.deploy(simple_manifest(1));
    FAIL("deployed");
  } catch (const Error& error) {
    CHECK(error.code() == 400007);
    CHECK(std::string(error.what()).find("'failing' and not running after 30 s") != std::string::npos);
  }
  CHECK(world.clock.monotonic() - began >= std::chrono::seconds{30});
}

TEST_CASE("an agent without an optional action goes without it") {
  for (const char* action : {"run_script", "add_persistent_disk"}) {
    DirectorWorld world;
    CAPTURE(action);
    world.agents.fail_next(action, std::string("unknown message ") + action);
    if (std::string(action) == "add_persistent_disk") {
      // It goes on to mount the disk, which the strict simulated agent does not know then.
      CHECK_THROWS_WITH_AS(world.deploy(simple_manifest(1)), doctest::Contains("mount of an unknown disk"), Error);
    } else {
      world.deploy(simple_manifest(1));
      CHECK(world.agents.job_state(world.vm("server", 0).agent) == "running");
    }
  }
}

TEST_CASE("a cloud that refuses at first and may be asked again is asked again") {
  DirectorWorld world;
  world.cpi.fail_next("create_vm", cpi::CallFault::retry_before, 2);
  world.deploy(simple_manifest(1));
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a create_vm whose answer is lost makes no second VM") {
  DirectorWorld world;
  world.cpi.fail_next("create_vm", cpi::CallFault::unknown_after);
  world.deploy(simple_manifest(2));
  CHECK(world.cloud.vms().size() == 2);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

// Found by the simulation: the row was dropped, the VM stayed and kept the address.
TEST_CASE("a VM that a failed create_vm made all the same is found again by the next deploy") {
  DirectorWorld world;
  world.cpi.fail_next("create_vm", cpi::CallFault::error_after);
  world.cpi.fail_next("create_vm", cpi::CallFault::error_before);
  CHECK_THROWS_AS(world.deploy(simple_manifest(1)), Error);
  world.deploy(simple_manifest(1));
  CHECK(world.cloud.vms().size() == 1);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

// Found by the simulation: one of another size was made, and nobody knew of the first.
TEST_CASE("a disk that a failed create_disk made all the same goes when another size is wanted") {
  DirectorWorld world;
  world.add_failed_deploy(77);
  world.cpi.fail_next("create_disk", cpi::CallFault::error_after);
  CHECK_THROWS_AS(world.deploy(simple_manifest(1), {}, 77), Error);
  world.deploy(simple_manifest(1, "one", 2048));
  CHECK(world.cloud.disks().size() == 1);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a disk whose making was not heard of is found again by the next deploy") {
  for (const auto fault : {cpi::CallFault::error_after, cpi::CallFault::unknown_after}) {
    DirectorWorld world;
    world.cpi.fail_next("create_disk", fault);
    CHECK_THROWS_AS(world.deploy(simple_manifest(2)), Error);
    world.deploy(simple_manifest(2));
    CHECK(world.cloud.disks().size() == 2);
    CHECK(world.inconsistencies() == std::vector<std::string>{});
  }
}

TEST_CASE("a deploy is finished whatever single answer of the cloud is lost") {
  for (const char* method : {"create_vm", "delete_vm", "create_disk", "attach_disk", "detach_disk",
                             "delete_disk", "set_vm_metadata"}) {
    for (const auto fault :
         {cpi::CallFault::error_after, cpi::CallFault::unknown_before, cpi::CallFault::unknown_after}) {
      DirectorWorld world;
      CAPTURE(method);
      // Faults that a deploy does not meet wait for the next one, so several may come at once.
      const auto insist = [&](const std::string& manifest, DeployOptions options) {
        world.cpi.fail_next(method, fault);
        for (int left = 3;; --left) {
          try {
            return world.deploy(manifest, options);
          } catch (const Error&) {
            if (left == 0) throw;
            options.fix = true;
          }
        }
      };
      insist(simple_manifest(2), {});
      insist(simple_manifest(2), {.recreate = true});
      insist(simple_manifest(1), {});
      REQUIRE(world.inconsistencies() == std::vector<std::string>{});
      CHECK(world.cloud.vms().size() == 1);
      CHECK(world.agents.job_state(world.vm("server", 0).agent) == "running");
    }
  }
}

// Every message to an agent is a point at which the director can die. The task is run again as
// the same task, as a restarted director does, until it is through.
TEST_CASE("a director that dies at any message finishes the same deploy after its restart") {
  int strikes = 0;
  for (int at = 1;; ++at) {
    DirectorWorld world;
    const DeathAtMessage death(world, at);
    try {
      world.deploy(simple_manifest(2), {}, 7);
    } catch (const Error&) {
    }
    if (!death.struck()) break;
    ++strikes;
    world.agents.before = {};
    world.deploy(simple_manifest(2), {.fix = true}, 7);
    CAPTURE(at);
    REQUIRE(world.inconsistencies() == std::vector<std::string>{});
    CHECK(world.cloud.vms().size() == 2);
    for (int i = 0; i < 2; ++i) CHECK(world.agents.job_state(world.vm("server", i).agent) == "running");
    CHECK(world.cloud.disks().size() == 2);
  }
  CHECK(strikes > 20);
}

TEST_CASE("instances are listed with what their agents say") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  const auto rows = world.list("dep");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["job_state"] == "running");
  CHECK(rows[0]["ips"].size() == 1);
  CHECK(rows[0]["disk_cids"].size() == 1);
}

TEST_CASE("bad input is told with place and value, and nothing is made for it") {
  DirectorWorld world;
  SUBCASE("a group of an unknown size") {
    auto manifest = simple_manifest(1);
    manifest.replace(manifest.find("vm_type: small"), 14, "vm_type: giant");
    CHECK_THROWS_WITH_AS(world.deploy(manifest), doctest::Contains("giant"), Error);
  }
  SUBCASE("a template that raises names group, job and template") {
    auto manifest = simple_manifest(1);
    manifest += "  env: {}\n";
    manifest.replace(manifest.find("{value: one}"), 12, "{value: null}");
    world.deploy(manifest);
  }
  SUBCASE("more instances than addresses") {
    CHECK_THROWS_AS(world.deploy(simple_manifest(300)), Error);
    CHECK(world.stores.ips.all().empty());
  }
  CHECK(world.cloud.violations() == std::vector<std::string>{});
}

namespace {

std::string swapping(int instances, const std::string& rest) {
  auto manifest = simple_manifest(instances);
  manifest.replace(manifest.find("update: {"), 9, "update: {vm_strategy: create-swap-delete, ");
  return manifest + rest;
}

}  // namespace

TEST_CASE("create-swap-delete lets the old VM serve until the new one is there, and takes disk and identity over") {
  DirectorWorld world;
  world.deploy(swapping(2, ""));
  const auto old_vm = world.vm("server", 0);
  const auto disk = world.stores.disks.of_instance(old_vm.instance).at(0).cid;
  int vms_at_stop = 0;
  world.agents.before = [&](const AgentId& agent, const std::string& method) {
    if (agent == old_vm.agent && method == "stop") vms_at_stop = static_cast<int>(world.cloud.vms().size());
  };
  world.deploy(swapping(2, "  env: {new: true}\n"));
  CHECK(vms_at_stop == 4);
  const auto new_vm = world.vm("server", 0);
  CHECK(new_vm.instance == old_vm.instance);
  CHECK(new_vm.cid != old_vm.cid);
  CHECK(new_vm.networks["default"]["ip"] != old_vm.networks["default"]["ip"]);
  CHECK(world.cloud.find_disk(disk)->attached_to == new_vm.cid);
  CHECK(world.agents.job_state(new_vm.agent) == "running");
  CHECK(world.cloud.vms().size() == 2);
  CHECK(world.stores.ips.all().size() == 2);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
  const auto calls = world.cpi.calls();
  world.deploy(swapping(2, "  env: {new: true}\n"));
  CHECK(world.cpi.calls() == calls);
}

TEST_CASE("new VMs fetch their packages while another one starts its jobs") {
  DirectorWorld world;
  std::mutex mutex;
  std::condition_variable changed;
  int fetches = 0;
  bool all_fetched = false, first_start = true;
  world.agents.before = [&](const AgentId&, const std::string& method) {
    std::unique_lock lock(mutex);
    if (method == "prepare") ++fetches;
    changed.notify_all();
    if (method != "start" || !first_start) return;
    first_start = false;
    all_fetched = changed.wait_for(lock, std::chrono::seconds(20), [&] { return fetches == 3; });
  };
  world.deploy(simple_manifest(3));
  CHECK(all_fetched);
  CHECK(fetches == 3);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a VM that cannot fetch its packages fails when its turn comes, and those before it run") {
  DirectorWorld world;
  world.agents.before = [&](const AgentId& agent, const std::string& method) {
    if (method == "prepare" && agent == world.vm("server", 2).agent) throw Error(Fault::internal, "no such blob");
  };
  CHECK_THROWS_WITH_AS(world.deploy(simple_manifest(3)), doctest::Contains("no such blob"), Error);
  CHECK(world.agents.job_state(world.vm("server", 1).agent) == "running");
  CHECK(world.agents.job_state(world.vm("server", 2).agent) != "running");
  world.agents.before = nullptr;
  world.deploy(simple_manifest(3));
  CHECK(world.agents.job_state(world.vm("server", 2).agent) == "running");
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("VMs made for a swap that is given up are gone after the next deploy") {
  DirectorWorld world;
  world.deploy(swapping(2, ""));
  const auto first = world.vm("server", 0).cid;
  world.agents.fail_next("stop", "it hangs");
  CHECK_THROWS_AS(world.deploy(swapping(2, "  env: {new: true}\n")), Error);
  CHECK(world.cloud.vms().size() == 4);
  world.deploy(swapping(2, ""));
  CHECK(world.vm("server", 0).cid == first);
  CHECK(world.cloud.vms().size() == 2);
  CHECK(world.stores.ips.all().size() == 2);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a director that dies at any message of a swap finishes it after its restart") {
  for (int at = 1;; ++at) {
    DirectorWorld world;
    world.deploy(swapping(1, ""));
    const DeathAtMessage death(world, at);
    const auto manifest = swapping(1, "  env: {new: true}\n");
    try {
      world.deploy(manifest, {}, 7);
    } catch (const Error&) {
    }
    if (!death.struck()) break;
    world.agents.before = {};
    world.deploy(manifest, {.fix = true}, 7);
    CAPTURE(at);
    REQUIRE(world.inconsistencies() == std::vector<std::string>{});
    CHECK(world.cloud.vms().size() == 1);
    CHECK(world.stores.ips.all().size() == 1);
    CHECK(world.agents.job_state(world.vm("server", 0).agent) == "running");
    CHECK(world.cloud.disks().size() == 1);
  }
}

TEST_CASE("a disk whose making was cut short is out of the way when a bigger one is wanted instead") {
  DirectorWorld world;
  bool died = false;
  const auto die_at = [&](const std::string& method, bool after) {
    world.agents.before = [&, method, after](const cpi::AgentId& agent, const std::string& asked) {
      if (died || asked != method) return;
      died = true;
      if (after) {
        const auto disk = world.cloud.disks_of(cpi::VmCid{"vm-" + agent.value}).at(0).value;
        world.agents.request(agent, asked, Json::array({disk}), std::chrono::milliseconds{0});
      }
      throw Error(Fault::cancelled, "the director died");
    };
  };
  std::size_t orphans = 1;
  SUBCASE("the first of the instance, which was mounted") {
    die_at("mount_disk", true);
    CHECK_THROWS_AS(world.deploy(simple_manifest(1)), Error);
  }
  SUBCASE("one that data were to be moved to") {
    world.deploy(simple_manifest(1));
    die_at("migrate_disk", false);
    CHECK_THROWS_AS(world.deploy(simple_manifest(1, "one", 2048)), Error);
    orphans = 2;
  }
  REQUIRE(died);
  world.deploy(simple_manifest(1, "one", 4096));
  const auto instance = world.instance("server", 0);
  const auto disks = world.stores.disks.of_instance(instance.id);
  REQUIRE(disks.size() == 1);
  CHECK(disks[0].size_mib == 4096);
  CHECK(world.agents.mounted(world.vm("server", 0).agent) == std::set<std::string>{disks[0].cid.value});
  CHECK(world.agents.data_on(disks[0].cid.value) == instance.id.value);
  CHECK(world.stores.disks.orphaned().size() == orphans);
  CHECK(world.inconsistencies().empty());
}

TEST_CASE("a deployment that could not be deleted runs again by the next deploy, with its disk") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  world.cpi.fail_next("detach_disk", cpi::CallFault::error_before);
  CHECK_THROWS_AS(world.remove("dep", false), Error);
  world.deploy(simple_manifest(1));
  const auto vm = world.vm("server", 0);
  CHECK(world.agents.job_state(vm.agent) == "running");
  CHECK(world.agents.mounted(vm.agent).size() == 1);
  CHECK(world.inconsistencies().empty());
}
