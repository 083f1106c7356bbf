#include <doctest/doctest.h>

#include "pks-api/clusters/clusters.hpp"
#include "pks-api/clusters/progress.hpp"

namespace slipway::pks::progress_test {

namespace {

std::string line(const std::string& stage, const std::string& task, const std::string& state) {
  return dump({{"time", 1}, {"stage", stage}, {"task", task}, {"total", 3}, {"index", 1}, {"state", state}});
}

}  // namespace

TEST_CASE("progress names the stage, a running step and what is done of how many") {
  Progress progress;
  std::set<std::string> running;
  progress.apply(line("Preparing deployment", "Preparing deployment", "started"), running);
  progress.apply(line("Preparing deployment", "Preparing deployment", "finished"), running);
  progress.apply(line("Updating instance", "etcd/0", "started"), running);
  progress.apply(line("Updating instance", "etcd/1", "started"), running);
  progress.apply(line("Updating instance", "etcd/1", "finished"), running);
  CHECK(progress.stage == "Updating instance");
  CHECK(progress.step == "etcd/0");
  CHECK(progress.done == 1);
  CHECK(progress.total == 3);
  CHECK(progress.finished_stages == std::vector<std::string>{"Preparing deployment"});
  CHECK(stages_ahead("CREATE", progress).empty());
}

TEST_CASE("a stage of several groups counts the steps of them all") {
  Progress progress;
  std::set<std::string> running;
  const auto say = [&](const char* group, int total, const std::string& task, const char* state) {
    progress.apply(dump({{"stage", "Updating instance"}, {"tags", {group}}, {"task", task}, {"total", total}, {"state", state}}),
                   running);
  };
  for (const auto* state : {"started", "finished"}) say("master", 1, "master/0", state);
  say("worker", 2, "worker/0", "started");
  CHECK(progress.done == 1);
  CHECK(progress.total == 3);
  say("worker", 2, "worker/0", "finished");
  for (const auto* state : {"started", "finished"}) say("worker", 2, "worker/1", state);
  CHECK(progress.done == 3);
  CHECK(progress.total == 3);
}

TEST_CASE("lines that are no events change nothing") {
  Progress progress;
  std::set<std::string> running;
  for (const auto* rubbish : {"", "{", "[]", "{}", "{\"stage\":7}", "{\"stage\":\"\",\"state\":\"started\"}"}) {
    progress.apply(rubbish, running);
  }
  CHECK(progress.stage.empty());
  progress.apply("{\"stage\":\"s\",\"task\":7,\"state\":null,\"total\":\"x\"}", running);
  CHECK(progress.stage == "s");
  CHECK(progress.total == 0);
}

TEST_CASE("what lies ahead shrinks as stages pass") {
  Progress progress;
  CHECK(stages_ahead("CREATE", progress).front() == "Preparing deployment");
  progress.stage = "Creating missing vms";
  CHECK(stages_ahead("CREATE", progress) == std::vector<std::string>{"Updating instance"});
  CHECK(stages_ahead("DELETE", Progress{}).front() == "Deleting instances");
}

TEST_CASE("a wait on the board ends at its limit, and at once after a change") {
  ManualClock clock;
  ProgressBoard board(clock);
  board.begin("c", "operation");
  const auto first = board.wait("c", 0, std::chrono::seconds(30), 8);
  CHECK(first.version > 0);
  CHECK(first.progress.operation == "operation");
  const auto before = clock.monotonic();
  CHECK(board.wait("c", first.version, std::chrono::seconds(30), 8).version == first.version);
  CHECK(clock.monotonic() - before == std::chrono::seconds(30));
  board.touch("c");
  CHECK(board.wait("c", first.version, std::chrono::seconds(30), 8).version > first.version);
  board.forget("c");
  CHECK(board.wait("c", 1, std::chrono::seconds(30), 8).version == 0);
}

TEST_CASE("names and host names are limited to what DNS and certificates take") {
  for (const auto* name : {"a", "demo", "a-1", "0"}) CHECK_NOTHROW(check_cluster_name(name));
  for (const auto* name : {"", "-a", "a-", "A", "a_b", "a.b", "../x", "a b"}) {
    CHECK_THROWS_AS(check_cluster_name(name), Error);
  }
  CHECK_THROWS_AS(check_cluster_name(std::string(64, 'a')), Error);
  CHECK_NOTHROW(check_hostname("demo.example.com"));
  CHECK_NOTHROW(check_hostname("10.0.0.1"));
  for (const auto* host : {"", ".", "a..b", "((deployment))", "a b", "a_b", "a/b"}) CHECK_THROWS_AS(check_hostname(host), Error);
  CHECK_THROWS_AS(check_hostname(std::string(63, 'a') + ".bc"), Error);
}

}  // namespace slipway::pks::progress_test
