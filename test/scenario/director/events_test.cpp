#include <doctest/doctest.h>

#include <algorithm>

#include "director/tasks/task_queue.hpp"
#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace slipway::director;

namespace {

// The world's tasks, run by the queue as a director runs them.
struct QueueWorld : DirectorWorld {
  Tasks tasks{database, (folder.path() / "tasks").string()};
  TaskQueue queue{tasks, system_clock, Log::discard(), {.director_id = "d1", .workers = 1, .urgent_workers = 1}};

  QueueWorld() {
    register_deployment_tasks(queue, services, templates);
    queue.start();
  }
  ~QueueWorld() { queue.stop(); }

  TaskRecord finished(const std::string& type, const Json& arguments) {
    TaskRecord task;
    task.type = type;
    task.user = "admin";
    task.deployment = "dep";
    task.arguments = arguments;
    const auto id = queue.submit(task).id;
    std::uint64_t version = 0;
    while (!is_final(tasks.find(id)->state)) version = queue.wait_for_change(id, version, std::chrono::seconds{5});
    return *tasks.find(id);
  }
  TaskRecord deployed(const std::string& manifest) {
    return finished("create_deployment", {{"manifest", manifest}, {"options", Json::object()}});
  }
  // Oldest first: those about the deployment itself.
  std::vector<EventRecord> of_deployment() {
    auto found = stores.events.list({.object_type = "deployment"});
    std::reverse(found.begin(), found.end());
    return found;
  }
};

}  // namespace

TEST_CASE("a deployment's events tell who began what, how it ended, and why it failed") {
  QueueWorld world;
  const auto first = world.deployed(simple_manifest(1));
  REQUIRE(first.state == TaskState::done);
  world.agents.fail_next("start", "no such program");
  REQUIRE(world.deployed(simple_manifest(1, "two")).state == TaskState::error);
  REQUIRE(world.finished("delete_deployment", {{"name", "dep"}, {"delete_disks", true}}).state == TaskState::done);

  const auto events = world.of_deployment();
  REQUIRE(events.size() == 6);
  const std::vector<std::string> actions = {"create", "update", "delete"};
  for (std::size_t i = 0; i < events.size(); i += 2) {
    const auto& begun = events[i];
    const auto& ended = events[i + 1];
    CAPTURE(begun.action);
    CHECK(begun.action == actions[i / 2]);
    CHECK(ended.action == begun.action);
    CHECK(ended.parent == begun.id);
    CHECK_FALSE(begun.parent);
    CHECK(begun.error.empty());
    for (const auto* event : {&begun, &ended}) {
      CHECK(event->user == "admin");
      CHECK(event->object_name == "dep");
      CHECK(event->deployment == "dep");
    }
  }
  CHECK(events[1].task == std::to_string(first.id));
  CHECK(events[1].error.empty());
  CHECK(events[3].error.find("no such program") != std::string::npos);
  CHECK(events[5].error.empty());
}

TEST_CASE("what a deploy makes and deletes is in its events, with the instance it is about") {
  QueueWorld world;
  const auto task = world.deployed(simple_manifest(1));
  const auto instance = "server/" + world.instance("server", 0).id.value;
  const auto vm = world.vm("server", 0).cid->value;
  const auto made = world.stores.events.list({.task = std::to_string(task.id), .instance = instance, .action = "create"});
  const auto of = [&](const std::string& type, const std::string& name) {
    return std::any_of(made.begin(), made.end(), [&](const EventRecord& event) {
      return event.object_type == type && event.object_name == name && event.parent;
    });
  };
  CHECK(of("vm", vm));
  CHECK(of("disk", world.stores.disks.of_deployment("dep").at(0).cid.value));
}
