#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "director/executor/errands.hpp"
#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;
using director::ErrandRequest;

namespace {

// A job that does nothing but have something to run, in a release of its own.
void add_smoke_release(DirectorWorld& world) {
  const auto tarball = world.folder.path() / "smoke.tgz";
  ArchiveWriter writer(tarball);
  writer.add("job.MF", "name: smoke\ntemplates: {run.erb: bin/run}\nproperties: {message: {default: hello}}\n");
  writer.add("monit", "");
  writer.add("templates/run.erb", "#!/bin/sh\necho <%= p('message') %>\n");
  writer.finish();
  director::ReleaseRecord release{.name = "tests", .version = "1.0"};
  director::JobRecord job{.name = "smoke", .version = "s1", .fingerprint = "s1"};
  job.blob = world.blobs.put_file(tarball).id;
  job.sha1 = sha256_of_file(tarball.string());
  job.spec = {{"name", "smoke"},
              {"templates", {{"run.erb", "bin/run"}}},
              {"properties", {{"message", {{"default", "hello"}}}}}};
  release.jobs.push_back(job);
  world.stores.releases.insert(release, world.clock.now());
}

// Servers that have the errand "smoke" too, and a group "acceptance" that is an errand.
std::string manifest(int servers, const std::string& message = "hello", const std::string& errand_job = "smoke") {
  auto yaml = simple_manifest(servers);
  yaml.replace(yaml.find("releases: ["), 11, "releases: [{name: tests, version: latest}, ");
  const std::string server_job = "jobs: [{name: server,";
  yaml.replace(yaml.find(server_job), server_job.size(), "jobs: [{name: smoke, release: tests}, {name: server,");
  return yaml +
         "- name: acceptance\n"
         "  lifecycle: errand\n"
         "  instances: 1\n"
         "  azs: [z1]\n"
         "  vm_type: small\n"
         "  stemcell: default\n"
         "  persistent_disk: 512\n"
         "  networks: [{name: default}]\n"
         "  jobs: [{name: " +
         errand_job + ", release: tests, properties: {message: " + message + "}}]\n";
}

struct ErrandWorld : DirectorWorld {
  ErrandWorld() { add_smoke_release(*this); }

  std::string run_errand(ErrandRequest request, director::TaskId task = 0) {
    results.clear();
    std::string summary;
    run(task, [&](director::TaskContext& context) {
      summary = director::run_errand(services, templates, context, "dep", request);
    });
    return summary;
  }
  std::vector<Json> rows() const {
    std::vector<Json> parsed;
    for (const auto& line : results) parsed.push_back(Json::parse(line));
    return parsed;
  }
  bool has_event(const std::string& text) const {
    return std::any_of(events.begin(), events.end(),
                       [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }
};

const ErrandRequest acceptance{.errand = "acceptance"};
const ErrandRequest smoke_on_servers{.errand = "smoke", .instances = {{"server", ""}}};

}  // namespace

TEST_CASE("an errand group has a VM for the run, says what it said, and keeps its disk and address") {
  ErrandWorld world;
  world.deploy(manifest(1));
  CHECK(world.cloud.vms().size() == 1);
  const auto addresses = world.stores.ips.all().size();
  CHECK(world.run_errand(acceptance) == "1 succeeded, 0 errored, 0 canceled");
  const auto id = world.instance("acceptance", 0).id.value;
  REQUIRE(world.rows().size() == 1);
  const auto row = world.rows()[0];
  CHECK(row["instance"] == Json{{"group", "acceptance"}, {"id", id}});
  CHECK(row["exit_code"] == 0);
  CHECK(row["stdout"] == "ran smoke");
  CHECK(row["logs"]["sha1"].is_string());
  CHECK(world.blobs.exists(director::BlobId{row["logs"]["blobstore_id"]}));
  CHECK(world.cloud.vms().size() == 1);
  CHECK(world.stores.ips.all().size() == addresses);
  CHECK(world.stores.disks.of_instance(director::InstanceId{id}).size() == 1);
  CHECK(world.instance("acceptance", 0).spec["lifecycle"] == "errand");
  CHECK(world.has_event("Deleting errand instances"));
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a later deploy leaves an errand alone and a later run takes its disk along") {
  ErrandWorld world;
  world.deploy(manifest(1));
  world.run_errand(acceptance);
  const auto calls = world.cpi.calls("create_vm");
  world.deploy(manifest(1));
  CHECK(world.cpi.calls("create_vm") == calls);
  world.run_errand(acceptance);
  CHECK(world.cpi.calls("create_vm") == calls + 1);
  CHECK(world.cloud.disks().size() == 2);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("keep-alive keeps the VM, and the next run uses it") {
  ErrandWorld world;
  world.deploy(manifest(1));
  auto keep = acceptance;
  keep.keep_alive = true;
  world.run_errand(keep);
  const auto vm = world.vm("acceptance", 0);
  CHECK(world.cloud.vms().size() == 2);
  world.run_errand(keep);
  CHECK(world.vm("acceptance", 0).cid == vm.cid);
  world.run_errand(acceptance);
  CHECK(world.cloud.vms().size() == 1);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a job's errand runs on all its instances and stops none of them") {
  ErrandWorld world;
  world.deploy(manifest(3));
  const auto made = world.cpi.calls("create_vm");
  CHECK(world.run_errand(smoke_on_servers) == "3 succeeded, 0 errored, 0 canceled");
  CHECK(world.rows().size() == 3);
  CHECK(world.cpi.calls("create_vm") == made);
  CHECK(world.agents.most_stopped_at_once() == 0);
  const ErrandRequest one{.errand = "smoke", .instances = {{"server", "1"}}};
  world.run_errand(one);
  REQUIRE(world.rows().size() == 1);
  CHECK(world.rows()[0]["instance"]["id"] == world.instance("server", 1).id.value);
}

TEST_CASE("a job's errand runs in service and errand groups alike") {
  ErrandWorld world;
  world.deploy(manifest(2));
  CHECK(world.run_errand({.errand = "smoke"}) == "3 succeeded, 0 errored, 0 canceled");
  CHECK(world.cloud.vms().size() == 2);
}

TEST_CASE("an errand that fails is not a task that fails") {
  ErrandWorld world;
  world.deploy(manifest(1));
  world.agents.errand = [](const AgentId&, const std::string&) {
    return Json{{"exit_code", 3}, {"stdout", ""}, {"stderr", "no"}};
  };
  CHECK(world.run_errand(acceptance) == "0 succeeded, 1 errored, 0 canceled");
  CHECK(world.rows()[0]["exit_code"] == 3);
  CHECK(world.rows()[0]["stderr"] == "no");
  CHECK(world.cloud.vms().size() == 1);
}

TEST_CASE("when-changed runs an errand again only after a change or a failure") {
  ErrandWorld world;
  world.deploy(manifest(1));
  auto request = acceptance;
  request.when_changed = true;
  CHECK(world.run_errand(request) == "1 succeeded, 0 errored, 0 canceled");
  CHECK(world.run_errand(request) == "skipped - no changes detected");
  CHECK(world.rows().empty());
  world.deploy(manifest(1, "goodbye"));
  CHECK(world.run_errand(request) == "1 succeeded, 0 errored, 0 canceled");
  CHECK(world.run_errand(request) == "skipped - no changes detected");
  world.agents.errand = [](const AgentId&, const std::string&) {
    return Json{{"exit_code", 1}, {"stdout", ""}, {"stderr", ""}};
  };
  CHECK(world.run_errand(acceptance) == "0 succeeded, 1 errored, 0 canceled");
  world.agents.errand = {};
  CHECK(world.run_errand(request) == "1 succeeded, 0 errored, 0 canceled");
}

TEST_CASE("when-changed looks at all instances of a job's errand") {
  ErrandWorld world;
  world.deploy(manifest(1));
  auto request = smoke_on_servers;
  request.when_changed = true;
  world.run_errand(request);
  CHECK(world.run_errand(request) == "skipped - no changes detected");
  world.deploy(manifest(2));
  CHECK(world.run_errand(request) == "2 succeeded, 0 errored, 0 canceled");
}

TEST_CASE("a cancelled task ends its errand, says how, and takes its VM away") {
  ErrandWorld world;
  world.deploy(manifest(1));
  std::atomic<bool> cancelled{false};
  world.cancelled = [&] { return cancelled.load(); };
  world.agents.errand = [&](const AgentId&, const std::string&) -> std::optional<Json> {
    cancelled = true;  // for ever otherwise
    return std::nullopt;
  };
  try {
    world.run_errand(acceptance);
    FAIL("the task went on");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::cancelled);
  }
  REQUIRE(world.rows().size() == 1);
  CHECK(world.rows()[0]["exit_code"] == 143);
  CHECK(world.cloud.vms().size() == 1);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a task that is cancelled while its VM is made leaves no VM") {
  ErrandWorld world;
  world.deploy(manifest(1));
  std::atomic<bool> cancelled{false};
  world.cancelled = [&] { return cancelled.load(); };
  world.agents.before = [&](const AgentId&, const std::string& method) { cancelled = cancelled || method == "apply"; };
  CHECK_THROWS_AS(world.run_errand(acceptance), Error);
  CHECK(world.agents.errands_begun() == 0);
  CHECK(world.cloud.vms().size() == 1);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("an agent that falls silent costs its own run only, and the task names it") {
  ErrandWorld world;
  world.deploy(manifest(3));
  const auto silent = world.vm("server", 1);
  world.agents.silence(silent.agent);
  CHECK_THROWS_WITH_AS(world.run_errand(smoke_on_servers), doctest::Contains(silent.instance.value.c_str()), Error);
  CHECK(world.rows().size() == 2);
}

TEST_CASE("an answer without an exit code is no result") {
  ErrandWorld world;
  world.deploy(manifest(1));
  world.agents.errand = [](const AgentId&, const std::string&) { return Json{{"exit_code", "0"}}; };
  CHECK_THROWS_WITH_AS(world.run_errand(acceptance), doctest::Contains("exit_code"), Error);
  CHECK(world.cloud.vms().size() == 1);
}

TEST_CASE("an errand has run even when its logs cannot be had") {
  ErrandWorld world;
  world.deploy(manifest(1));
  world.agents.fail_next("fetch_logs_with_signed_url", "disk full");
  CHECK(world.run_errand(acceptance) == "1 succeeded, 0 errored, 0 canceled");
  CHECK(world.rows()[0]["logs"]["blobstore_id"].is_null());
  CHECK(world.has_event("disk full"));
}

TEST_CASE("a VM that cannot be made for an errand fails the task and leaves nothing") {
  ErrandWorld world;
  world.deploy(manifest(1));
  world.cpi.fail_next("create_vm", cpi::CallFault::error_before, 9);
  CHECK_THROWS_AS(world.run_errand(acceptance), Error);
  CHECK(world.cloud.vms().size() == 1);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("an errand of a deployment without a success, or of another name, is refused") {
  ErrandWorld world;
  CHECK_THROWS_WITH_AS(world.run_errand(acceptance), doctest::Contains("does not exist"), Error);
  world.deploy(manifest(1));
  CHECK_THROWS_WITH_AS(world.run_errand({.errand = "nobody"}), "Errand 'nobody' doesn't exist", Error);
}

// As a restarted director does: the same task is run again until it is through.
TEST_CASE("a director that dies at any message of an errand finishes it without a second VM or run") {
  int strikes = 0;
  for (int at = 1;; ++at) {
    ErrandWorld world;
    world.deploy(manifest(1));
    const auto made = world.cpi.calls("create_vm");
    std::atomic<int> messages = 0;
    std::atomic<bool> struck = false;
    world.agents.before = [&](const AgentId&, const std::string&) {
      if (++messages != at || struck) return;
      struck = true;
      throw Error(Fault::cancelled, "the director died");
    };
    CAPTURE(at);
    try {
      world.run_errand(acceptance, 77);
    } catch (const Error&) {
    }
    if (!struck) break;
    ++strikes;
    world.agents.before = {};
    REQUIRE(world.run_errand(acceptance, 77) == "1 succeeded, 0 errored, 0 canceled");
    CHECK(world.rows().size() == 1);
    CHECK(world.agents.errands_begun() == 1);
    CHECK(world.cpi.calls("create_vm") == made + 1);
    CHECK(world.cloud.vms().size() == 1);
    REQUIRE(world.inconsistencies() == std::vector<std::string>{});
  }
  CHECK(strikes > 15);
}
