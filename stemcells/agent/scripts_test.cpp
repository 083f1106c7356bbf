#include "stemcells/agent/scripts.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include "base/file.hpp"
#include "stemcells/agent/logs.hpp"
#include "stemcells/agent/script_process.hpp"
#include "stemcells/agent/ssh.hpp"
#include "stemcells/agent/start_program.hpp"
#include "stemcells/agent/tasks.hpp"
#include "stemcells/agent/protocol/protocol.hpp"

using namespace slipway;
using namespace slipway::agent;
namespace fs = std::filesystem;

namespace scripts_test {

namespace {

struct Node {
  TempDir folder;
  Paths paths{.base = folder.path()};
  Node() { create_layout(paths); }
  void script(const std::string& job, const std::string& name, const std::string& text, unsigned mode = 0755) {
    fs::create_directories(paths.job(job) / "bin");
    write_file_atomically(paths.job(job) / "bin" / name, "#!/bin/sh\n" + text + "\n", mode);
  }
};

const Cancelled never = [] { return false; };

std::string failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("scripts of all jobs run and the failed ones are named in order") {
  Node node;
  node.script("b", "pre-start", "exit 1");
  node.script("a", "pre-start", "exit 1");
  node.script("c", "pre-start", "echo \"$WHAT\"");
  node.script("d", "other", "exit 1");
  CHECK(failure_of([&] { run_scripts(node.paths, {"b", "a", "c", "d", "none"}, "pre-start", {{"WHAT", "said"}}); }) ==
        "2 of 3 pre-start scripts failed. Failed Jobs: a, b. Successful Jobs: c.");
  CHECK(read_file(node.paths.log() / "c/pre-start.stdout.log") == "said\n");
  run_scripts(node.paths, {"c"}, "pre-start", {});
  CHECK(read_file(node.paths.log() / "c/pre-start.stdout.log") == "said\n\n");
}

TEST_CASE("a script that cannot be started counts as failed") {
  Node node;
  node.script("a", "pre-start", "", 0644);
  CHECK(failure_of([&] { run_scripts(node.paths, {"a"}, "pre-start", {}); }) ==
        "1 of 1 pre-start scripts failed. Failed Jobs: a.");
  CHECK_THROWS_AS(run_scripts(node.paths, {"a"}, "../x", {}), Error);
}

TEST_CASE("a drain script's number is read strictly") {
  CHECK(*drain_seconds("0\n") == 0);
  CHECK(*drain_seconds(" -10 \n") == -10);
  CHECK(*drain_seconds("+5") == 5);
  for (const char* text : {"", "\n", "x", "1 2", "5s", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(drain_seconds(text));
  }
}

TEST_CASE("a drain script is asked again while it gives a negative number, and its waits are kept") {
  Node node;
  const std::string calls = node.folder.path() / "calls";
  node.script("web", "drain", "echo \"$*\" >> " + calls + "\nif [ $1 = job_check_status ]; then echo 60; else echo -30; fi");
  ManualClock clock;
  const auto begin = clock.monotonic();
  run_drain(node.paths, {"web"}, {.job_change = "job_changed", .hash_change = "hash_changed", .updated_packages = {"p"}},
            clock, never, NodeLog::discard());
  CHECK(read_file(calls) == "job_changed hash_changed p\njob_check_status hash_unchanged\n");
  CHECK(clock.monotonic() - begin == std::chrono::seconds(90));
}

TEST_CASE("a drain script that prints no number fails and says which job") {
  Node node;
  node.script("web", "drain", "echo soon; exit 4");
  ManualClock clock;
  const auto text = failure_of([&] {
    run_drain(node.paths, {"web"}, drain_for_shutdown(Json::object()), clock, never, NodeLog::discard());
  });
  CHECK(text.find("web") != std::string::npos);
  CHECK(text.find("signed integer (exit status 4)") != std::string::npos);
}

TEST_CASE("what changed is told to drain in BOSH's words") {
  const Json old{{"job", {{"templates", {{{"name", "web"}, {"version", "1"}}}}}},
                 {"configuration_hash", "a"},
                 {"persistent_disk", 1024},
                 {"packages", {{"p", {{"version", "1"}, {"sha1", "x"}}}, {"q", {{"version", "1"}, {"sha1", "x"}}}}}};
  Json next = old;
  next["packages"]["q"]["sha1"] = "y";
  next["configuration_hash"] = "b";
  const auto changed = drain_for_update(old, next);
  CHECK(changed.job_change == "job_unchanged");
  CHECK(changed.hash_change == "hash_changed");
  CHECK(changed.updated_packages == std::vector<std::string>{"q"});
  CHECK(changed.job_state == Json{{"persistent_disk", 1024}});
  CHECK(drain_for_update(Json::object(), next).job_change == "job_new");
  CHECK(drain_for_update(Json::object(), next).hash_change == "hash_new");
  next["job"]["templates"][0]["version"] = "2";
  CHECK(drain_for_update(old, next).job_change == "job_changed");
}

TEST_CASE("an errand's endless output is cut at its beginning") {
  Node node;
  node.script("web", "run", "head -c 1000000 /dev/zero | tr '\\0' x; echo end; kill -9 $$");
  const auto result = run_errand(node.paths, "web", never);
  CHECK(result.exit_code == 137);
  CHECK(result.standard_output.size() < 300'000);
  CHECK(result.standard_output.starts_with("[the first "));
  CHECK(result.standard_output.ends_with("end\n"));
}

TEST_CASE("a program that outlives its time is ended with its children") {
  ScriptProcess process({.argv = {"/bin/sh", "-c", "trap '' TERM; sleep 600 & wait; sleep 600"}});
  ScriptProcess quick({.argv = {"/bin/sh", "-c", "sleep 600"}});
  const auto ended = quick.wait(std::chrono::milliseconds(50));
  CHECK(ended.timed_out);
  CHECK(ended.signal == 15);
  CHECK_THROWS_AS(ScriptProcess({.argv = {"/does/not/exist"}}), Error);
}

TEST_CASE("tasks run one after the other, the same request twice is one task") {
  SeededRandom random(1);
  std::mutex mutex;
  std::condition_variable changed;
  bool go = false;
  Tasks tasks(random, [](const std::string&) {});
  const auto wait = [&](const std::atomic<bool>&) -> Json {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return go; });
    return "done";
  };
  const auto first = tasks.submit("apply", false, "r1", wait);
  const auto second = tasks.submit("stop", false, "r2", [](const auto&) -> Json { throw Error(Fault::internal, "no"); });
  CHECK(tasks.submit("apply", false, "r1", wait) == first);
  CHECK(running_task_id(tasks.poll(first)));
  CHECK(running_task_id(tasks.poll(second)));
  CHECK_THROWS_AS(tasks.cancel(first), Error);
  {
    const std::lock_guard lock(mutex);
    go = true;
  }
  changed.notify_all();
  std::string failure;
  while (failure.empty()) failure = failure_of([&] { tasks.poll(second); });
  CHECK(failure == "Task " + second + " result: no");
  CHECK(tasks.poll(first) == "done");
  CHECK_THROWS_AS(tasks.poll("unknown"), Error);
}

TEST_CASE("globs choose logs as BOSH's do") {
  CHECK(log_matches("web/a.log", "**/*.log"));
  CHECK(log_matches("a.log", "**/*.log"));
  CHECK(log_matches("web/deep/er/a.log", "web/**/*.log"));
  CHECK(log_matches("web/a.log", "web/*.log"));
  CHECK_FALSE(log_matches("web/deep/a.log", "web/*.log"));
  CHECK_FALSE(log_matches("web/a.txt", "**/*.log"));
}

TEST_CASE("a start program may fork its daemon, become it, or fail") {
  const TempDir folder;
  const std::string file = folder.path() / "pid";
  const auto start = [&](const std::string& text, int seconds = 20) {
    return run_start_program(file, std::chrono::seconds(seconds), {"/bin/sh", "-c", text});
  };
  const auto end = [&] {
    ::kill(std::stoi(read_file(file)), SIGKILL);
    std::filesystem::remove(file);
  };
  CHECK(start("sleep 600 & echo $! > " + file) == 0);
  end();
  CHECK(start("echo $$ > " + file + "; exec sleep 600") == 0);
  CHECK(start("exit 0") == 0);  // it runs already
  end();
  CHECK(start("exit 1") == 1);
  CHECK(start("exit 0", 1) == 1);
  write_file_atomically(file, "1\n");
  CHECK(start("exit 3") == 1);
}

}  // namespace scripts_test
