#include "director/tasks/task_context.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using namespace slipway::director;

namespace task_context_test {

namespace {

struct Lines final : TaskOutput {
  std::vector<std::string> lines;
  void append(std::string_view line) override { lines.emplace_back(line); }
  Json at(std::size_t i) const { return parse_json(lines.at(i), "line"); }
};

struct Fixture {
  ManualClock clock;
  Lines event, result, debug, cpi;
  bool cancelled = false, interrupted = false;
  TaskContext context{TaskRecord{.id = 3}, clock,  event, result, debug, cpi, [this] { return cancelled; },
                      [this] { return interrupted; }};
};

}  // namespace

TEST_CASE("a step says when it starts and when it is finished") {
  Fixture f;
  { TaskContext::Step step(f.context, "Updating instance", {"etcd"}, 3, 2, "etcd/0"); }
  REQUIRE(f.event.lines.size() == 2);
  const auto start = f.event.at(0);
  CHECK(start.at("stage") == "Updating instance");
  CHECK(start.at("tags") == Json({"etcd"}));
  CHECK(start.at("total") == 3);
  CHECK(start.at("index") == 2);
  CHECK(start.at("task") == "etcd/0");
  CHECK(start.at("state") == "started");
  CHECK(start.at("time").is_number_integer());
  CHECK(f.event.at(1).at("state") == "finished");
  CHECK(f.event.at(1).at("progress") == 100);
}

TEST_CASE("a step that an exception leaves is failed") {
  Fixture f;
  try {
    TaskContext::Step step(f.context, "Updating instance", {}, 1, 1, "etcd/0");
    throw std::runtime_error("no");
  } catch (const std::runtime_error&) {
  }
  CHECK(f.event.at(1).at("state") == "failed");
}

TEST_CASE("rows of a stage count up and a failed row tells the reason once") {
  Fixture f;
  TaskContext::Stage stage(f.context, "Creating missing vms", 2);
  stage.run("etcd/0", [](TaskContext::Step& step) { step.status("installing packages"); });
  CHECK_THROWS_AS(stage.run("etcd/1", [](auto&) { throw Error(Fault::exhausted, "no space"); }), Error);
  REQUIRE(f.event.lines.size() == 5);
  CHECK(f.event.at(1).at("state") == "in_progress");
  CHECK(f.event.at(1).at("data").at("status") == "installing packages");
  CHECK(f.event.at(3).at("index") == 2);
  CHECK(f.event.at(4).at("state") == "failed");
  CHECK(f.event.at(4).at("data").at("error") == "no space");
}

TEST_CASE("a checkpoint passes until somebody cancels") {
  Fixture f;
  f.context.checkpoint();
  f.cancelled = true;
  try {
    f.context.checkpoint();
    FAIL("passed");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::cancelled);
    CHECK(error.code() == 10001);
    CHECK(std::string(error.what()) == "Task 3 cancelled");
  }
}

TEST_CASE("warnings, deprecations and the final error have the shapes the CLI reads") {
  Fixture f;
  f.context.warning("w");
  f.context.deprecation("d");
  f.context.event_error(30007, "in use");
  CHECK(f.event.at(0).at("type") == "warning");
  CHECK(f.event.at(1).at("type") == "deprecation");
  CHECK(f.event.at(1).at("message") == "d");
  CHECK(f.event.at(2).at("error") == Json({{"code", 30007}, {"message", "in use"}}));
}

TEST_CASE("bytes that are no UTF-8 still make a line the CLI can parse") {
  Fixture f;
  f.context.event_error(1, "bad \xff byte\nnext");
  CHECK(f.event.lines.at(0).find('\n') == std::string::npos);
  CHECK(f.event.at(0).contains("error"));
}

TEST_CASE("what puts things in order goes on after a cancellation and stops with the director") {
  Fixture f;
  auto quiet = f.context.undisturbed();
  f.cancelled = true;
  CHECK_THROWS_AS(f.context.checkpoint(), Error);
  quiet.checkpoint();
  quiet.debug("still here");
  CHECK(f.debug.lines.size() == 1);
  f.interrupted = true;
  CHECK(f.context.interrupted());
  CHECK_THROWS_AS(quiet.checkpoint(), Error);
}

}  // namespace task_context_test
