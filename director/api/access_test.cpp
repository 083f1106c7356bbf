#include "director/api/access.hpp"

#include <doctest/doctest.h>

#include "director/api/fixture.hpp"

using namespace slipway;
using namespace slipway::director;

namespace access_test {

namespace {

const std::map<std::string, std::vector<std::string>>& roles() {
  static const std::map<std::string, std::vector<std::string>> all = {
      {"uuid-admin", {"bosh.uuid-1.admin"}},
      {"reader", {"bosh.read"}},
      {"team-admin", {"bosh.teams.red.admin"}},
      {"team-reader", {"bosh.teams.red.read"}},
      {"other-team", {"bosh.teams.blue.admin"}},
      {"release-uploader", {"bosh.releases.upload"}},
      {"stemcell-uploader", {"bosh.stemcells.upload"}},
      {"foreign-admin", {"bosh.uuid-2.admin"}},
      {"monitor", {"slipway.health_monitor"}},
      {"nobody", {}}};
  return all;
}

struct Row {
  std::string method, target, body;
  std::set<std::string> allowed;  // besides admin and uuid-admin
};

}  // namespace

TEST_CASE("every endpoint lets in exactly the scopes of the table") {
  ApiFixture f(roles());
  f.stores.deployments.create_for_teams("web", {"red"}, f.now);
  TaskRecord record;
  record.type = "create_deployment";
  record.deployment = "web";
  record.user = "admin";
  f.tasks.insert(record, f.now);

  const std::string manifest = "name: web\n";
  const std::vector<Row> table = {
      {"GET", "/stemcells", "", {"reader", "team-admin", "team-reader", "other-team"}},
      {"GET", "/releases", "", {"reader", "team-admin", "team-reader", "other-team"}},
      {"POST", "/stemcells", "x", {"team-admin", "other-team", "stemcell-uploader"}},
      {"POST", "/releases", "x", {"team-admin", "other-team", "release-uploader"}},
      {"POST", "/packages/matches", "{}", {"team-admin", "other-team", "release-uploader"}},
      {"DELETE", "/stemcells/a/1", "", {}},
      {"DELETE", "/releases/a", "", {}},
      {"GET", "/configs?latest=true", "", {"reader", "team-admin", "team-reader", "other-team"}},
      {"POST", "/cloud_configs", "azs: []", {}},
      {"GET", "/deployments", "", {"reader", "team-admin", "team-reader", "other-team"}},
      {"GET", "/deployments/web", "", {"reader", "team-admin", "team-reader"}},
      {"GET", "/deployments/web/instances", "", {"reader", "team-admin", "team-reader"}},
      {"GET", "/deployments/web/variables", "", {"reader", "team-admin", "team-reader"}},
      {"POST", "/deployments", manifest, {"team-admin"}},
      {"POST", "/deployments/web/diff", manifest, {"team-admin"}},
      {"DELETE", "/deployments/web", "", {"team-admin"}},
      {"PUT", "/deployments/web/jobs/*?state=restart", "", {"team-admin"}},
      {"GET", "/tasks", "", {"reader", "team-admin", "team-reader", "other-team"}},
      {"GET", "/tasks/1", "", {"reader", "team-admin", "team-reader"}},
      {"GET", "/tasks/1/output?type=event", "", {"reader", "team-admin", "team-reader"}},
      {"GET", "/tasks/1/output?type=debug", "", {"team-admin"}},
      {"GET", "/events", "", {"reader"}},
      {"GET", "/locks", "", {"reader"}},
      {"GET", "/v1/data?name=/a", "", {}},
      {"PUT", "/deployments/web/scan_and_fix", R"({"jobs":{}})", {"team-admin", "monitor"}},
      {"PUT", "/deployments/web/problems", R"({"resolutions":{}})", {"team-admin"}},
      {"POST", "/events", R"({"action":"a","object_type":"b"})", {"monitor"}},
      {"PUT", "/health_monitor/lease", R"({"holder":"m","seconds":1})", {"monitor"}},
      {"POST", "/health_monitor/bus_identity", "", {"monitor"}},
  };
  auto users = roles();
  users["admin"] = {};
  for (const auto& row : table) {
    for (const auto& [user, scopes] : users) {
      const bool expected = user == "admin" || user == "uuid-admin" || row.allowed.contains(user);
      const auto status = f.send(row.method, row.target, row.body, user).status;
      CAPTURE(row.method);
      CAPTURE(row.target);
      CAPTURE(user);
      CHECK((status != 401) == expected);
    }
    CHECK(f.send(row.method, row.target, row.body, "").status == 401);
  }
}

TEST_CASE("lists leave out what belongs to other teams") {
  ApiFixture f(roles());
  f.stores.deployments.create_for_teams("web", {"red"}, f.now);
  f.stores.deployments.create_for_teams("db", {"blue"}, f.now);
  TaskRecord record;
  record.type = "create_deployment";
  for (const auto* name : {"web", "db"}) {
    record.deployment = name;
    f.tasks.insert(record, f.now);
  }
  const auto deployments = f.json(f.send("GET", "/deployments", "", "team-reader"));
  REQUIRE(deployments.size() == 1);
  CHECK(deployments[0].at("name") == "web");
  const auto tasks = f.json(f.send("GET", "/tasks", "", "team-reader"));
  REQUIRE(tasks.size() == 1);
  CHECK(tasks[0].at("deployment") == "web");
  CHECK(f.json(f.send("GET", "/deployments", "", "reader")).size() == 2);
}

TEST_CASE("a new deployment belongs to the teams of who creates it") {
  ApiFixture f(roles());
  CHECK(f.send("POST", "/deployments", "name: web\n", "team-admin").status == 302);
  CHECK(f.stores.deployments.find("web")->teams == std::vector<std::string>{"red"});
  CHECK(f.send("POST", "/deployments", "name: web\n", "other-team").status == 401);
}

TEST_CASE("who submitted a task may follow it and no other uploader's") {
  ApiFixture f(roles());
  const auto task = f.task(f.send("POST", "/releases", "tarball", "release-uploader"));
  const auto path = "/tasks/" + std::to_string(task.id);
  CHECK(f.send("GET", path, "", "release-uploader").status == 200);
  CHECK(f.send("GET", path, "", "stemcell-uploader").status == 401);
}

TEST_CASE("a refusal for lack of scopes names the scopes that would do") {
  ApiFixture f(roles());
  const auto refused = f.json(f.send("GET", "/locks", "", "nobody"));
  CHECK(refused.at("code") == 600000);
  CHECK(refused.at("description") ==
        "Require one of the scopes: bosh.admin, bosh.uuid-1.admin, bosh.read, bosh.uuid-1.read");
}

}  // namespace access_test
