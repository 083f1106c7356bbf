#include <doctest/doctest.h>

#include <algorithm>

#include "base/archive.hpp"
#include "director/executor/fetch_logs.hpp"
#include "director/executor/ssh.hpp"
#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;
using director::BlobId;
using director::InstanceId;

namespace {

struct NodesWorld : DirectorWorld {
  explicit NodesWorld(int instances, int api_version = 3) {
    if (api_version != 3) add_stemcell("2.0", api_version);
    deploy(simple_manifest(instances));
  }

  std::vector<InstanceId> ids() {
    std::vector<InstanceId> found;
    for (const auto& instance : stores.instances.of_deployment("dep")) found.push_back(instance.id);
    return found;
  }
  BlobId logs(const std::vector<InstanceId>& instances, const director::LogsRequest& request = {.types = "job"}) {
    BlobId blob;
    run(0, [&](director::TaskContext& task) {
      blob = BlobId{director::fetch_logs(services, task, "dep", instances, request)};
    });
    return blob;
  }
  std::string content(const BlobId& blob) { return read_file(blobs.path(blob)); }

  Json ssh(const director::SshRequest& request) {
    results.clear();
    run(0, [&](director::TaskContext& task) { director::ssh(services, task, "dep", request); });
    REQUIRE(results.size() == 1);
    return Json::parse(results[0]);
  }
  bool has_warning(const std::string& text) const {
    return std::any_of(events.begin(), events.end(), [&](const std::string& line) {
      return line.find("\"warning\"") != std::string::npos && line.find(text) != std::string::npos;
    });
  }
};

const director::SshRequest setup{.setup = true, .user = "bosh_1a", .public_key = "ssh-ed25519 AAAA"};

}  // namespace

TEST_CASE("one instance's logs are the blob its agent packed") {
  NodesWorld world(2);
  const auto vm = world.vm("server", 0);
  const auto blob = world.logs({vm.instance}, {.types = "agent,job", .filters = {"*.log"}});
  CHECK(world.content(blob) == "agent,job logs of " + vm.agent.value);
  CHECK(world.stores.temporary_blobs.deployment_of(blob) == "dep");
}

TEST_CASE("several instances' logs are one tarball of theirs, and only it stays") {
  NodesWorld world(3);
  const auto before = world.blobs.list().size();
  const auto blob = world.logs(world.ids());
  CHECK(world.blobs.list().size() == before + 1);
  ArchiveReader reader(world.blobs.path(blob));
  std::set<std::string> names;
  for (ArchiveEntry entry; reader.next(entry);) {
    names.insert(entry.name);
    const auto id = entry.name.substr(7, 36);
    const auto agent = world.stores.vms.active_of(InstanceId{id})->agent;
    CHECK(reader.read_all(1000) == "job logs of " + agent.value);
  }
  CHECK(names.size() == 3);
  CHECK(names.begin()->starts_with("server."));
  CHECK(names.begin()->ends_with(".tgz"));
}

TEST_CASE("a silent agent among several costs its own logs, a silent one alone the task") {
  NodesWorld world(2);
  const auto silent = world.vm("server", 1);
  world.agents.silence(silent.agent);
  ArchiveReader reader(world.blobs.path(world.logs(world.ids())));
  ArchiveEntry entry;
  CHECK(reader.next(entry));
  CHECK_FALSE(reader.next(entry));
  CHECK(world.has_warning(silent.instance.value));
  CHECK_THROWS_WITH_AS(world.logs({silent.instance}), doctest::Contains("silent"), Error);
  CHECK_THROWS_WITH_AS(world.logs({InstanceId{"nobody"}}), doctest::Contains("No appropriate instance"), Error);
}

TEST_CASE("fetched logs go after their time") {
  NodesWorld world(1);
  const auto blob = world.logs(world.ids());
  world.clock.advance(std::chrono::hours{23});
  director::remove_expired_blobs(world.services);
  CHECK(world.blobs.exists(blob));
  world.clock.advance(std::chrono::hours{2});
  const auto next = world.logs(world.ids());
  CHECK_FALSE(world.blobs.exists(blob));
  CHECK(world.blobs.exists(next));
}

TEST_CASE("an agent that names a release's blob, or none, has not packed its logs") {
  NodesWorld world(1, 2);
  const auto job = world.stores.releases.all().at(0).jobs.at(0).blob;
  for (const auto& named : {job.value, std::string("gone"), std::string()}) {
    world.agents.pack_logs = [&](const AgentId&, const std::string&, const std::string&) { return std::pair{named, std::string("x")}; };
    CHECK_THROWS_WITH_AS(world.logs(world.ids()), doctest::Contains("names no blob"), Error);
  }
  world.clock.advance(std::chrono::hours{48});
  director::remove_expired_blobs(world.services);
  CHECK(world.blobs.exists(job));
}

TEST_CASE("ssh makes accounts on the instances asked for and says where they are") {
  NodesWorld world(3);
  auto request = setup;
  request.group = "server";
  request.ids = {"1", world.instance("server", 2).id.value};
  const auto rows = world.ssh(request);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0] == Json{{"command", "setup"},
                        {"status", "success"},
                        {"job", "server"},
                        {"id", world.instance("server", 1).id.value},
                        {"index", 1},
                        {"ip", "10.9.0.77"},
                        {"host_public_key", "ssh-rsa HOST"},
                        {"gateway_user", nullptr},
                        {"gateway_host", nullptr}});
  CHECK(world.agents.accounts(world.vm("server", 0).agent).empty());
  CHECK(world.agents.accounts(world.vm("server", 1).agent) == std::set<std::string>{"bosh_1a"});
  CHECK(world.stores.events.list({.action = "setup ssh"}).size() == 2);
}

TEST_CASE("a clean-up removes the accounts again, wherever they are") {
  NodesWorld world(2);
  world.ssh(setup);
  CHECK(world.ssh({.setup = false, .user_regex = "^bosh_1a"}).size() == 2);
  for (int i = 0; i < 2; ++i) CHECK(world.agents.accounts(world.vm("server", i).agent).empty());
}

TEST_CASE("the row of a silent agent says so; nobody is told of success where there is none") {
  NodesWorld world(2);
  world.agents.silence(world.vm("server", 0).agent);
  const auto rows = world.ssh(setup);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["status"].get<std::string>().starts_with("failed: "));
  CHECK(rows[0]["ip"] == "");
  CHECK(rows[1]["status"] == "success");
  world.agents.silence(world.vm("server", 1).agent);
  CHECK_THROWS_WITH_AS(world.ssh(setup), doctest::Contains("silent"), Error);
}

TEST_CASE("ssh to nobody is an error that says who was meant") {
  NodesWorld world(1);
  auto request = setup;
  request.ids = {"7"};
  CHECK_THROWS_WITH_AS(world.ssh(request), doctest::Contains("'7'"), Error);
  request = setup;
  request.group = "client";
  CHECK_THROWS_WITH_AS(world.ssh(request), doctest::Contains("'client'"), Error);
}
