#include <doctest/doctest.h>

#include <filesystem>

#include "director/store/fixture.hpp"
#include "director/store/stores.hpp"
#include "director/tasks/task_queue.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace std::chrono_literals;

namespace tasks_test {

namespace {

struct Fixture : StoreFixture {
  Tasks tasks{db, (folder.path() / "tasks").string()};

  TaskRecord submit(const std::string& type = "update_stemcell") {
    TaskRecord task;
    task.type = type;
    task.description = "create stemcell";
    task.user = "admin";
    task.arguments = {{"fix", true}};
    return tasks.insert(task, now);
  }
};

}  // namespace

TEST_CASE("a task moves along legal transitions only") {
  using enum TaskState;
  CHECK(may_move(queued, processing));
  CHECK(may_move(queued, cancelled));
  CHECK(may_move(processing, cancelling));
  CHECK_FALSE(may_move(queued, done));
  CHECK_FALSE(may_move(processing, cancelled));
  for (const auto end : {done, error, cancelled, timeout})
    for (const auto to : {queued, processing, cancelling, done, error, cancelled, timeout})
      CHECK_FALSE(may_move(end, to));
}

TEST_CASE("one of two directors gets a queued task") {
  Fixture f;
  const auto task = f.submit();
  const auto first = f.tasks.claim("d1", {"update_stemcell"}, f.now);
  REQUIRE(first);
  CHECK(first->id == task.id);
  CHECK(first->state == TaskState::processing);
  CHECK(first->arguments.at("fix") == true);
  CHECK(first->started_at == f.now);
  CHECK_FALSE(f.tasks.claim("d2", {"update_stemcell"}, f.now));
}

TEST_CASE("a claim takes the oldest task of the types it names") {
  Fixture f;
  f.submit("create_deployment");
  const auto older = f.submit("update_release");
  f.submit("update_release");
  CHECK(f.tasks.claim("d1", {"update_release"}, f.now)->id == older.id);
}

TEST_CASE("a director that fell silent loses its tasks and can no longer finish them") {
  Fixture f;
  f.submit();
  const auto claimed = f.tasks.claim("dead", {"update_stemcell"}, f.now).value();
  CHECK(f.tasks.take_over("d2", f.now + 60s, 120s).empty());
  const auto taken = f.tasks.take_over("d2", f.now + 121s, 120s);
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].fence == claimed.fence + 1);
  CHECK_FALSE(f.tasks.heartbeat(claimed.id, "dead", f.now));
  CHECK_FALSE(f.tasks.finish(claimed, "dead", TaskState::done, "", f.now));
  CHECK(f.tasks.find(claimed.id)->state == TaskState::processing);
  CHECK(f.tasks.finish(taken[0], "d2", TaskState::done, "/stemcells/a/1", f.now));
}

// Found by the simulation: a director that started after its clock had been set back left such tasks lying, and
// their locks held.
TEST_CASE("where one director works it takes over all that others left, whatever the clock says") {
  Fixture f;
  f.submit();
  f.tasks.claim("dead", {"update_stemcell"}, f.now);
  CHECK(f.tasks.take_over("d2", f.now - 1h, 0s).size() == 1);
}

TEST_CASE("cancelling a queued task ends it, cancelling a running one asks it to end") {
  Fixture f;
  const auto queued = f.submit();
  CHECK(f.tasks.request_cancel(queued.id, f.now));
  CHECK(f.tasks.find(queued.id)->state == TaskState::cancelled);
  CHECK_FALSE(f.tasks.request_cancel(queued.id, f.now));

  const auto running = f.submit();
  f.tasks.claim("d1", {"update_stemcell"}, f.now);
  CHECK(f.tasks.request_cancel(running.id, f.now));
  CHECK(f.tasks.find(running.id)->state == TaskState::cancelling);
  CHECK_FALSE(f.tasks.find(running.id)->finished_at);
}

TEST_CASE("a repeated submission with the same context id is the same task") {
  Fixture f;
  TaskRecord task;
  task.type = "update_release";
  task.user = "admin";
  task.context_id = "c-1";
  const auto first = f.tasks.insert_once(task, f.now - 10min, f.now);
  CHECK(f.tasks.insert_once(task, f.now - 10min, f.now + 1s).id == first.id);
  task.arguments = {{"other", 1}};
  CHECK(f.tasks.insert_once(task, f.now - 10min, f.now).id != first.id);
  task.arguments = Json::object();
  CHECK(f.tasks.insert_once(task, f.now + 1s, f.now + 11min).id != first.id);
}

TEST_CASE("tasks without a context id are never taken for repetitions") {
  Fixture f;
  TaskRecord task;
  task.type = "update_release";
  CHECK(f.tasks.insert_once(task, f.now, f.now).id != f.tasks.insert_once(task, f.now, f.now).id);
}

TEST_CASE("a list is filtered by state, deployment and context, newest first") {
  Fixture f;
  TaskRecord task;
  task.type = "create_deployment";
  task.deployment = "etcd";
  task.context_id = "c-1";
  const auto mine = f.tasks.insert(task, f.now);
  f.submit("fetch_instances");
  const auto last = f.submit();

  TaskFilter filter;
  CHECK(f.tasks.list(filter).size() == 2);
  CHECK(f.tasks.list(filter).at(0).id == last.id);
  filter.include_internal = true;
  CHECK(f.tasks.list(filter).size() == 3);
  filter.limit = 1;
  CHECK(f.tasks.list(filter).size() == 1);
  TaskFilter by_deployment;
  by_deployment.deployment = "etcd";
  by_deployment.context_id = "c-1";
  by_deployment.states = {TaskState::queued};
  REQUIRE(f.tasks.list(by_deployment).size() == 1);
  CHECK(f.tasks.list(by_deployment).at(0).id == mine.id);
  by_deployment.states = {TaskState::done};
  CHECK(f.tasks.list(by_deployment).empty());
}

TEST_CASE("retention removes old finished tasks with outputs and steps and no running ones") {
  Fixture f;
  Journal journal(f.db);
  std::vector<TaskRecord> finished;
  for (int i = 0; i < 3; ++i) {
    const auto task = f.submit();
    const auto claimed = f.tasks.claim("d1", {"update_stemcell"}, f.now).value();
    f.tasks.finish(claimed, "d1", TaskState::done, "", f.now + std::chrono::seconds(i));
    std::filesystem::create_directories(std::filesystem::path(f.tasks.output_path(task.id, "event")).parent_path());
    write_file_atomically(f.tasks.output_path(task.id, "event"), "{}\n");
    journal.begin(task.id, "k", "k", {}, f.now);
    finished.push_back(task);
  }
  const auto running = f.submit();
  f.tasks.claim("d1", {"update_stemcell"}, f.now);

  CHECK(f.tasks.remove_old(2, std::nullopt) == 1);
  CHECK_FALSE(f.tasks.find(finished[0].id));
  CHECK(journal.of_task(finished[0].id).empty());
  CHECK_FALSE(std::filesystem::exists(f.tasks.output_path(finished[0].id, "event")));
  CHECK(std::filesystem::exists(f.tasks.output_path(finished[1].id, "event")));
  CHECK(f.tasks.remove_old(2, f.now + 1h) == 2);
  CHECK(f.tasks.find(running.id));
}

}  // namespace tasks_test
