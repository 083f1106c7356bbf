#include "director/tasks/task_queue.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <future>
#include <thread>

#include "director/store/fixture.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace std::chrono_literals;

namespace task_queue_test {

namespace {

struct Fixture : StoreFixture {
  SystemClock clock;
  Tasks tasks{db, (folder.path() / "tasks").string()};

  TaskRecord record(const std::string& type) {
    TaskRecord task;
    task.type = type;
    return task;
  }
  std::unique_ptr<TaskQueue> queue(const std::string& id = "d1") {
    return std::make_unique<TaskQueue>(tasks, clock, Log::discard(), TaskQueue::Options{.director_id = id});
  }
  // Follows the task as a long poll does.
  TaskRecord wait(TaskQueue& queue, TaskId id) {
    std::uint64_t version = 0;
    const auto deadline = clock.monotonic() + 30s;
    while (clock.monotonic() < deadline) {
      version = queue.wait_for_change(id, version, 5s);
      const auto task = tasks.find(id).value();
      if (is_final(task.state)) return task;
    }
    throw std::runtime_error("the task does not end");
  }
  std::string events(TaskId id) { return read_file(tasks.output_path(id, "event")); }
};

}  // namespace

TEST_CASE("a submitted task runs without polling and keeps its result") {
  Fixture f;
  auto queue = f.queue();
  queue->register_type("greet", [](TaskContext& context) {
    context.result_line("hello");
    return "/greetings/" + context.task().arguments.at("name").get<std::string>();
  });
  queue->start();
  auto task = f.record("greet");
  task.arguments = {{"name", "ann"}};
  const auto done = f.wait(*queue, queue->submit(task).id);
  CHECK(done.state == TaskState::done);
  CHECK(done.result == "/greetings/ann");
  CHECK(done.started_at);
  CHECK(done.finished_at);
  CHECK(read_file(f.tasks.output_path(done.id, "result")) == "hello\n");
}

TEST_CASE("a queue without threads of its own runs a task when it is told to, and knows which are urgent") {
  Fixture f;
  TaskQueue queue(f.tasks, f.clock, Log::discard(), {.director_id = "d1", .own_threads = false});
  queue.register_type("greet", [](TaskContext&) { return "hello"; });
  queue.register_type("look", [](TaskContext&) { return "seen"; }, true);
  queue.start();
  const auto greeting = queue.submit(f.record("greet")).id;
  CHECK_FALSE(queue.run_next(true));
  CHECK(f.tasks.find(greeting)->state == TaskState::queued);
  CHECK(queue.run_next(false));
  CHECK(f.tasks.find(greeting)->state == TaskState::done);
  const auto look = queue.submit(f.record("look")).id;
  CHECK_FALSE(queue.run_next(false));
  CHECK(queue.run_next(true));
  CHECK(f.tasks.find(look)->result == "seen");
}

TEST_CASE("an exception ends the task as error, with a last event line that carries code and message") {
  Fixture f;
  auto queue = f.queue();
  queue->register_type("fail", [](TaskContext&) -> std::string { throw Error(Fault::conflict, "in use", 30007); });
  queue->register_type("odd", [](TaskContext&) -> std::string { throw 7; });
  queue->start();
  const auto failed = f.wait(*queue, queue->submit(f.record("fail")).id);
  CHECK(failed.state == TaskState::error);
  CHECK(failed.result == "in use");
  const auto line = parse_json(f.events(failed.id), "event");
  CHECK(line.at("error") == Json({{"code", 30007}, {"message", "in use"}}));
  CHECK(line.at("time").is_number());
  const auto odd = f.wait(*queue, queue->submit(f.record("odd")).id);
  CHECK(odd.state == TaskState::error);
  CHECK(parse_json(f.events(odd.id), "event").at("error").at("code") == 100);
}

TEST_CASE("a long result is shortened between characters") {
  Fixture f;
  auto queue = f.queue();
  queue->register_type("talk", [](TaskContext&) {
    std::string text = "x";
    for (int i = 0; i < 200; ++i) text += "ä";
    return text;
  });
  queue->start();
  const auto done = f.wait(*queue, queue->submit(f.record("talk")).id);
  CHECK(done.result.size() <= 128);
  CHECK(done.result.ends_with("ä..."));
}

TEST_CASE("cancelling a running task ends it at its next checkpoint") {
  Fixture f;
  auto queue = f.queue();
  std::promise<void> running;
  queue->register_type("loop", [&](TaskContext& context) -> std::string {
    running.set_value();
    while (true) {
      context.checkpoint();
      std::this_thread::yield();
    }
  });
  queue->start();
  const auto task = queue->submit(f.record("loop"));
  running.get_future().wait();
  CHECK(queue->cancel(task.id));
  const auto ended = f.wait(*queue, task.id);
  CHECK(ended.state == TaskState::cancelled);
  CHECK(f.events(task.id).find("cancelled") != std::string::npos);
  CHECK_FALSE(queue->cancel(task.id));
  CHECK_THROWS_AS(queue->cancel(4711), Error);
}

TEST_CASE("a task that is to stop between instances goes on to there, and is cancelled then") {
  Fixture f;
  auto queue = f.queue();
  std::promise<void> running, asked;
  bool passed = false;
  queue->register_type("deploy", [&](TaskContext& context) -> std::string {
    context.between_instances();
    running.set_value();
    asked.get_future().wait();
    context.checkpoint();  // in the middle of an instance
    passed = true;
    context.between_instances();
    return "all of it";
  });
  queue->register_type("other", [](TaskContext&) { return std::string("fine"); });
  const auto waiting = queue->submit(f.record("other"));
  CHECK(queue->stop_between_instances(waiting.id));
  CHECK(f.tasks.find(waiting.id)->state == TaskState::cancelled);
  queue->start();
  const auto task = queue->submit(f.record("deploy"));
  running.get_future().wait();
  CHECK(queue->stop_between_instances(task.id));
  asked.set_value();
  const auto ended = f.wait(*queue, task.id);
  CHECK(passed);
  CHECK(ended.state == TaskState::cancelled);
  CHECK(ended.result.find("stopped between two instances") != std::string::npos);
  CHECK_FALSE(queue->stop_between_instances(task.id));
  CHECK_THROWS_AS(queue->stop_between_instances(4711), Error);
}

TEST_CASE("a cancelled task in the queue never runs") {
  Fixture f;
  auto queue = f.queue();
  bool ran = false;
  queue->register_type("loop", [&](TaskContext&) {
    ran = true;
    return "";
  });
  const auto task = queue->submit(f.record("loop"));
  CHECK(queue->cancel(task.id));
  queue->start();
  queue->stop();
  CHECK_FALSE(ran);
  CHECK(f.tasks.find(task.id)->state == TaskState::cancelled);
}

TEST_CASE("urgent tasks do not wait behind long ones") {
  Fixture f;
  auto queue = f.queue();
  std::promise<void> release;
  const auto released = release.get_future().share();
  queue->register_type("deploy", [&](TaskContext&) {
    released.wait();
    return "";
  });
  queue->register_type("look", [](TaskContext&) { return "seen"; }, true);
  queue->start();
  std::vector<TaskId> deploys;
  for (int i = 0; i < 5; ++i) deploys.push_back(queue->submit(f.record("deploy")).id);
  CHECK(f.wait(*queue, queue->submit(f.record("look")).id).result == "seen");
  release.set_value();
  for (const auto id : deploys) CHECK(f.wait(*queue, id).state == TaskState::done);
}

TEST_CASE("tasks that a stop interrupts are resumed by the next start with the same arguments") {
  Fixture f;
  auto record = f.record("work");
  record.arguments = {{"n", 42}};
  TaskId id = 0;
  {
    auto queue = f.queue("d1");
    std::promise<void> running;
    queue->register_type("work", [&](TaskContext& context) -> std::string {
      context.result_line("begun");
      TaskContext::Stage stage(context, "Working", 1);
      stage.run("row", [&](auto&) {
        running.set_value();
        while (true) {
          context.checkpoint();
          std::this_thread::yield();
        }
      });
      return "";
    });
    queue->start();
    id = queue->submit(record).id;
    running.get_future().wait();
    queue->stop();
  }
  CHECK(f.tasks.find(id)->state == TaskState::processing);
  // Who follows the task sees no failure, only a pause.
  CHECK(f.events(id).find("failed") == std::string::npos);
  CHECK(f.events(id).find("error") == std::string::npos);

  auto queue = f.queue("d2");
  queue->register_type("work", [](TaskContext& context) {
    context.result_line("done");
    return context.task().arguments.dump();
  });
  queue->start();
  CHECK(f.wait(*queue, id).result == "{\"n\":42}");
  // Its result is the one of the run that ended.
  CHECK(read_file(f.tasks.output_path(id, "result")) == "done\n");
}

TEST_CASE("what a killed director left processing is resumed at once by a sole director") {
  Fixture f;
  const auto task = f.tasks.insert(f.record("work"), f.clock.now());
  f.tasks.claim("killed", {"work"}, f.clock.now());
  auto queue = f.queue();
  queue->register_type("work", [](TaskContext&) { return "resumed"; });
  queue->start();
  CHECK(f.wait(*queue, task.id).result == "resumed");
}

TEST_CASE("a task that was being cancelled when its director died ends as cancelled") {
  Fixture f;
  const auto task = f.tasks.insert(f.record("work"), f.clock.now());
  f.tasks.claim("killed", {"work"}, f.clock.now());
  f.tasks.request_cancel(task.id, f.clock.now());
  auto queue = f.queue();
  queue->register_type("work", [](TaskContext& context) {
    context.checkpoint();
    return "";
  });
  queue->start();
  CHECK(f.wait(*queue, task.id).state == TaskState::cancelled);
}

TEST_CASE("a left task of a type nobody knows ends as error") {
  Fixture f;
  const auto task = f.tasks.insert(f.record("removed_feature"), f.clock.now());
  f.tasks.claim("killed", {"removed_feature"}, f.clock.now());
  auto queue = f.queue();
  queue->register_type("work", [](TaskContext&) { return ""; });
  queue->start();
  const auto ended = f.wait(*queue, task.id);
  CHECK(ended.state == TaskState::error);
  CHECK(ended.result == "this director knows no tasks of type 'removed_feature'");
}

TEST_CASE("a long poll returns as soon as a line is written and at the deadline otherwise") {
  Fixture f;
  auto queue = f.queue();
  std::promise<void> go, said, finish;
  queue->register_type("talk", [&](TaskContext& context) {
    go.get_future().wait();
    context.warning("one");
    said.set_value();
    finish.get_future().wait();
    return "";
  });
  queue->start();
  const auto id = queue->submit(f.record("talk")).id;
  auto version = queue->wait_for_change(id, 0, 0ms);
  CHECK(version > 0);
  go.set_value();
  while (f.tasks.find(id)->state == TaskState::queued || !std::filesystem::exists(f.tasks.output_path(id, "event")))
    version = queue->wait_for_change(id, version, 10s);
  said.get_future().wait();  // the line is there a moment before its change is told
  version = queue->wait_for_change(id, 0, 0ms);
  CHECK(queue->wait_for_change(id, version, 20ms) == version);
  finish.set_value();
  CHECK(f.wait(*queue, id).state == TaskState::done);
}

TEST_CASE("a task whose output cannot be written fails with the reason and the next one runs") {
  Fixture f;
  auto queue = f.queue();
  queue->register_type("talk", [](TaskContext& context) {
    context.warning("hello");
    return "done";
  });
  queue->start();
  // A file where the task's folder should be.
  std::filesystem::create_directories(f.folder.path() / "tasks");
  write_file_atomically(f.folder.path() / "tasks" / "1", "");
  const auto failed = f.wait(*queue, queue->submit(f.record("talk")).id);
  CHECK(failed.id == 1);
  CHECK(failed.state == TaskState::error);
  CHECK(failed.result.find("writing the task's output") != std::string::npos);
  CHECK(f.wait(*queue, queue->submit(f.record("talk")).id).state == TaskState::done);
}

}  // namespace task_queue_test
