#include <doctest/doctest.h>

#include <algorithm>

#include "director/domain/error_codes.hpp"
#include "director/executor/instance_action.hpp"
#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace slipway::director;

namespace {

void act(DirectorWorld& world, int index, InstanceActionRequest request) {
  request.deployment = "dep";
  request.instance = world.instance("server", index).id;
  world.run(0, [&](TaskContext& task) { act_on_instance(world.services, task, request); });
}

// As `bosh start` and its like do it: through the task's arguments.
void change(DirectorWorld& world, const std::string& state, const std::string& group, const std::string& instance,
            Json options = Json::object()) {
  world.events.clear();
  world.change_instances("dep", {{"group", group}, {"instance", instance}, {"state", state}, {"options", options}});
}

bool has_called(DirectorWorld& world, int index, const std::string& call) {
  const auto calls = world.agents.calls(world.vm("server", index).agent);
  return std::find(calls.begin(), calls.end(), call) != calls.end();
}

bool events_have(const DirectorWorld& world, const std::string& text) {
  return std::any_of(world.events.begin(), world.events.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("stop and start without converging act on one instance and go by its stored spec") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  const auto before = world.instance("server", 1).spec;
  const auto other = world.agents.calls(world.vm("server", 0).agent).size();
  act(world, 1, {.action = "stop"});
  CHECK(world.agents.job_state(world.vm("server", 1).agent) == "stopped");
  CHECK(has_called(world, 1, "drain"));
  CHECK(world.instance("server", 1).state == InstanceState::stopped);
  act(world, 1, {.action = "start"});
  CHECK(world.agents.job_state(world.vm("server", 1).agent) == "running");
  CHECK(world.instance("server", 1).state == InstanceState::started);
  CHECK(world.instance("server", 1).spec == before);
  CHECK(world.agents.calls(world.vm("server", 0).agent).size() == other);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a hard stop without converging gives up the VM, and start makes it again with address and disk") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  const auto before = world.vm("server", 1);
  const auto disk = world.stores.disks.of_instance(before.instance).at(0).cid;
  act(world, 1, {.action = "stop", .hard = true, .skip_drain = true});
  CHECK(world.cloud.vms().size() == 1);
  CHECK(world.instance("server", 1).state == InstanceState::detached);
  CHECK(code_of([&] { act(world, 1, {.action = "recreate"}); }) == code::target_state_undefined);
  act(world, 1, {.action = "start"});
  CHECK(world.vm("server", 1).networks == before.networks);
  CHECK(world.cloud.find_disk(disk)->attached_to == world.vm("server", 1).cid);
  CHECK(world.agents.job_state(world.vm("server", 1).agent) == "running");
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("an action without converging brings back what ran, whatever a failed deploy attempted since") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  world.agents.fail_next("start", "no such program");
  CHECK_THROWS_AS(world.deploy(simple_manifest(2, "broken")), Error);
  for (int index : {0, 1}) {
    act(world, index, {.action = "restart"});
    CHECK(world.agents.job_state(world.vm("server", index).agent) == "running");
    CHECK(world.rendered("server", index, "server/config/file").starts_with("one "));
  }
  const auto cid = world.vm("server", 0).cid;
  act(world, 0, {.action = "recreate"});
  CHECK(world.vm("server", 0).cid != cid);
  CHECK(world.rendered("server", 0, "server/config/file").starts_with("one "));
  world.deploy(simple_manifest(2, "two"));
  CHECK(world.rendered("server", 0, "server/config/file").starts_with("two "));
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("skip_drain leaves out pre-stop and drain") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  act(world, 0, {.action = "stop", .skip_drain = true});
  CHECK_FALSE(has_called(world, 0, "drain"));
  CHECK(has_called(world, 0, "stop"));
}

TEST_CASE("a silent agent is refused without converging, and can be gone without where its VM goes") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  world.agents.silence(world.vm("server", 1).agent);
  for (const auto* action : {"start", "stop", "restart", "recreate"}) {
    CHECK(code_of([&] { act(world, 1, {.action = action}); }) == code::agent_silent);
  }
  CHECK(code_of([&] { act(world, 1, {.action = "restart", .ignore_unresponsive_agent = true}); }) == code::agent_silent);
  act(world, 1, {.action = "recreate", .ignore_unresponsive_agent = true});
  CHECK(world.agents.job_state(world.vm("server", 1).agent) == "running");
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("an ignored instance is refused by name, and passed over in its group") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  auto record = world.instance("server", 1);
  record.ignore = true;
  world.stores.instances.update(record);
  CHECK(code_of([&] { act(world, 1, {.action = "stop"}); }) == code::instance_ignored);
  CHECK(code_of([&] { change(world, "stopped", "server", "1"); }) == code::instance_ignored);
  change(world, "stopped", "server", "");
  CHECK(world.instance("server", 0).state == InstanceState::stopped);
  CHECK(world.instance("server", 1).state == InstanceState::started);
}

TEST_CASE("an instance that was never deployed with success has nothing to go by") {
  DirectorWorld world;
  world.agents.fail_next("start", "no such program");
  CHECK_THROWS_AS(world.deploy(simple_manifest(1)), Error);
  CHECK(code_of([&] { act(world, 0, {.action = "restart"}); }) == code::target_state_undefined);
}

TEST_CASE("converging goes to the last manifest that succeeded, says its revision, and warns of a failed one") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  world.deploy(simple_manifest(1, "two"));
  world.deploy(simple_manifest(1, "two"));
  change(world, "restart", "server", "");
  CHECK(events_have(world, "manifest revision 2 of "));
  CHECK_FALSE(events_have(world, "\"type\":\"warning\""));
  world.agents.fail_next("start", "no such program");
  CHECK_THROWS_AS(world.deploy(simple_manifest(1, "three")), Error);
  change(world, "restart", "server", "");
  CHECK(events_have(world, "did not succeed; this goes by manifest revision 2 of "));
  CHECK(world.rendered("server", 0, "server/config/file").starts_with("two "));
  CHECK(world.stores.deployments.find("dep")->revision == 2);
}

TEST_CASE("converging uses the configs and the variables that the manifest was deployed with") {
  DirectorWorld world;
  const auto manifest = simple_manifest(1, "((word))") + "variables: [{name: word, type: password}]\n";
  world.deploy(manifest);
  const auto word = world.stores.variable_values.latest("/slipway/dep/word")->value.get<std::string>();
  const auto cid = world.vm("server", 0).cid;
  world.stores.variable_values.put("/slipway/dep/word", "rotated", world.clock.now());
  auto cloud = world.stores.configs.list("cloud", "", 1).at(0).content;
  cloud.replace(cloud.find("ram: 256"), 8, "ram: 512");
  world.set_cloud_config(cloud);
  change(world, "restart", "server", "");
  CHECK(world.rendered("server", 0, "server/config/file").starts_with(word));
  CHECK(world.vm("server", 0).cid == cid);
  world.deploy(manifest);
  CHECK(world.rendered("server", 0, "server/config/file").starts_with("rotated"));
  CHECK(world.vm("server", 0).cid != cid);
}

TEST_CASE("a group is stopped hard and started again by converging") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  change(world, "detached", "server", "");
  CHECK(world.cloud.vms().empty());
  change(world, "started", "*", "");
  CHECK(world.agents.job_state(world.vm("server", 1).agent) == "running");
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("recreate takes only VMs made before the time it is given") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  const auto old_cid = world.vm("server", 0).cid;
  world.clock.advance(std::chrono::hours{1});
  act(world, 1, {.action = "recreate"});
  const auto new_cid = world.vm("server", 1).cid;
  const auto between = to_rfc3339(world.clock.now() - std::chrono::minutes{30});
  change(world, "recreate", "server", "", {{"recreate_vms_created_before", between}});
  CHECK(world.vm("server", 0).cid != old_cid);
  CHECK(world.vm("server", 1).cid == new_cid);
}

TEST_CASE("counts given with a command win over the manifest's") {
  DirectorWorld world;
  world.deploy(simple_manifest(3));
  change(world, "restart", "server", "", {{"canaries", "0"}, {"max_in_flight", "100%"}, {"skip_drain", "server"}});
  CHECK_FALSE(events_have(world, "(canary)"));
  CHECK_FALSE(has_called(world, 0, "drain"));
  CHECK(code_of([&] { change(world, "restart", "server", "", {{"max_in_flight", "many"}}); }) == code::invalid_value);
}
