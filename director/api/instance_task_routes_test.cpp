#include <doctest/doctest.h>

#include "director/api/fixture.hpp"

using namespace slipway;
using namespace slipway::director;

namespace instance_task_routes_test {

namespace {

const std::string public_key =
    "ssh-ed25519 " + base64_encode(std::string({'\0', '\0', '\0', 11}) + "ssh-ed25519" + std::string(36, 'k'));

constexpr const char* manifest = R"(
name: web
releases: [{name: app, version: 1}]
stemcells: [{alias: default, os: debian, version: 1}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- {name: app, instances: 2, azs: [z1], vm_type: small, stemcell: default, networks: [{name: default}],
   jobs: [{name: server, release: app}, {name: smoke, release: app}]}
- {name: tests, lifecycle: errand, instances: 1, azs: [z1], vm_type: small, stemcell: default,
   networks: [{name: default}], jobs: [{name: server, release: app}]}
)";

// A deployment "web" of team "blue" with two instances, the first of which has a VM.
struct Fixture : ApiFixture {
  Fixture() : ApiFixture({{"blue", {"bosh.teams.blue.admin"}}, {"reader", {"bosh.read"}}}) {
    ReleaseRecord release{.name = "app", .version = "1"};
    release.jobs = {{"server", "j1", "j1", BlobId{"b1"}, "x", {{"templates", {{"a", "bin/ctl"}}}}},
                    {"smoke", "j2", "j2", BlobId{"b2"}, "x", {{"templates", {{"a", "bin/run"}}}}}};
    const auto release_id = stores.releases.insert(release, now);
    stores.deployments.create_for_teams("web", {"blue"}, now);
    auto deployment = stores.deployments.find("web").value();
    deployment.manifest = manifest;
    stores.deployments.record_success(deployment, {release_id}, {}, now);
    for (const auto* id : {"i0", "i1"}) {
      InstanceRecord instance{.id = InstanceId{id}, .deployment = "web", .group = "app", .index = id[1] - '0'};
      stores.instances.insert(instance);
    }
    VmRecord vm;
    vm.agent = AgentId{"a0"};
    vm.instance = InstanceId{"i0"};
    vm.deployment = "web";
    stores.vms.insert_creating(vm);
    stores.vms.set_created(vm.agent, VmCid{"vm-0"}, Json::object());
    stores.vms.set_active(vm.agent);
  }
  int code(const http::Response& response) { return json(response).at("code").get<int>(); }
};

std::string ssh_body(const std::string& user, const std::string& key) {
  return Json{{"command", "setup"},
              {"deployment_name", "web"},
              {"target", {{"job", "app"}, {"ids", {"0"}}, {"indexes", {"0"}}}},
              {"params", {{"user", user}, {"public_key", key}}}}
      .dump();
}

}  // namespace

TEST_CASE("errands are listed, and none before the first success") {
  Fixture f;
  CHECK(f.json(f.send("GET", "/deployments/web/errands")) == Json::array({{{"name", "smoke"}}, {{"name", "tests"}}}));
  f.stores.deployments.find_or_create("fresh", f.now);
  CHECK(f.json(f.send("GET", "/deployments/fresh/errands")) == Json::array());
  CHECK(f.code(f.send("GET", "/deployments/none/errands")) == 70000);
}

TEST_CASE("a manifest whose placeholders lost their values is a 400 that names them") {
  Fixture f;
  auto deployment = f.stores.deployments.find("web").value();
  deployment.manifest = "name: web\ninstance_groups: ((groups))\n";
  f.stores.deployments.record_success(deployment, {}, {}, f.now);
  const auto response = f.send("GET", "/deployments/web/errands");
  CHECK(response.status == 400);
  CHECK(f.json(response).at("description").get<std::string>().find("groups") != std::string::npos);
}

TEST_CASE("nobody misses the VM of an errand that does not run") {
  Fixture f;
  auto instance = f.stores.instances.find(InstanceId{"i1"}).value();
  instance.spec = {{"lifecycle", "service"}};
  f.stores.instances.update(instance);
  CHECK(f.json(f.send("GET", "/deployments/web/instances"))[1].at("expects_vm") == true);
  instance.spec = {{"lifecycle", "errand"}};
  f.stores.instances.update(instance);
  CHECK(f.json(f.send("GET", "/deployments/web/instances"))[1].at("expects_vm") == false);
}

TEST_CASE("a run of an errand becomes a task with what was asked") {
  Fixture f;
  const auto task = f.task(f.send("POST", "/deployments/web/errands/smoke/runs",
                                  R"({"keep-alive":true,"instances":[{"group":"app","id":""}]})"));
  CHECK(task.type == "run_errand");
  CHECK(task.description == "run errand smoke from deployment web");
  CHECK(task.arguments.at("errand") == "smoke");
  CHECK(task.arguments.at("request") ==
        Json{{"keep-alive", true}, {"when-changed", false}, {"instances", {{{"group", "app"}, {"id", ""}}}}});
  CHECK(f.send("POST", "/deployments/web/errands/smoke/runs", "").status == 302);
  CHECK(f.send("POST", "/deployments/none/errands/smoke/runs", "{}").status == 404);
}

TEST_CASE("bodies of wrong shape are refused with BOSH's codes") {
  Fixture f;
  for (const char* body : {"[]", "null", "7", R"({"keep-alive":"yes"})", R"({"instances":[1]})"}) {
    CAPTURE(body);
    const auto response = f.send("POST", "/deployments/web/errands/smoke/runs", body);
    CHECK(response.status == 400);
    CHECK(f.code(response) == 40000);
  }
  for (const std::string& body : {std::string("{"), std::string("\xff\xfe"), std::string(2 << 20, ' '),
                                  std::string(200, '[') + std::string(200, ']')}) {
    CHECK(f.send("POST", "/deployments/web/errands/smoke/runs", body).status / 100 != 3);
    CHECK(f.send("POST", "/deployments/web/errands/smoke/runs", body).status != 500);
    CHECK(f.send("POST", "/deployments/web/ssh", body).status != 500);
  }
  for (const char* body : {"[]", "{}", R"({"command":[]})", R"({"command":"setup","params":3})"})
    CHECK(f.send("POST", "/deployments/web/ssh", body).status == 400);
}

TEST_CASE("logs are fetched from the instances with a VM that the path names") {
  Fixture f;
  for (const char* path : {"app/0", "app/i0", "app/*", "*/*"}) {
    CAPTURE(path);
    const auto task = f.task(f.send("GET", "/deployments/web/jobs/" + std::string(path) + "/logs?type=job,agent&filters=a.log,b"));
    CHECK(task.type == "fetch_logs");
    CHECK(task.arguments.at("instances") == Json::array({"i0"}));
    CHECK(task.arguments.at("request") == Json{{"type", "agent,job"}, {"filters", "a.log,b"}});
  }
  for (const char* path : {"app/1", "app/7", "nope/*", "nope/0"})
    CHECK(f.code(f.send("GET", "/deployments/web/jobs/" + std::string(path) + "/logs?type=job")) == 70001);
  CHECK(f.code(f.send("GET", "/deployments/web/jobs/app/0/logs?type=kernel")) == 40005);
  CHECK(f.code(f.send("GET", "/deployments/web/jobs/app/0/logs?type=job&filters=../x")) == 40005);
}

TEST_CASE("ssh becomes a task of the deployment, without what is not to be kept") {
  Fixture f;
  const auto task = f.task(f.send("POST", "/deployments/web/ssh", ssh_body("bosh_1a", public_key + "\n")));
  CHECK(task.type == "ssh");
  CHECK(task.description == "ssh: setup");
  CHECK(task.arguments.at("request").at("params") == Json{{"user", "bosh_1a"}, {"public_key", public_key}});
  CHECK(f.code(f.send("POST", "/deployments/web/ssh", ssh_body("root", public_key))) == 40005);
  CHECK(f.code(f.send("POST", "/deployments/web/ssh", ssh_body("bosh_1a", "rubbish"))) == 40005);
  CHECK(f.send("POST", "/deployments/none/ssh", ssh_body("bosh_1a", public_key)).status == 404);
}

TEST_CASE("readers see errands and run none, and get no logs and no shell") {
  Fixture f;
  CHECK(f.send("GET", "/deployments/web/errands", "", "reader").status == 200);
  CHECK(f.send("POST", "/deployments/web/errands/smoke/runs", "{}", "reader").status == 401);
  CHECK(f.send("GET", "/deployments/web/jobs/app/0/logs?type=job", "", "reader").status == 401);
  CHECK(f.send("POST", "/deployments/web/ssh", ssh_body("bosh_1a", public_key), "reader").status == 401);
  CHECK(f.send("POST", "/deployments/web/errands/smoke/runs", "{}", "blue").status == 302);
}

TEST_CASE("a blob is for whom its content is: logs for the deployment's admins, unknown ones for the director's") {
  Fixture f;
  const auto put = [&](const std::string& content) {
    TextReader reader(content);
    return f.blobs.put(reader).id;
  };
  const auto logs = put("logs"), secret = put("rendered templates");
  f.stores.temporary_blobs.add(logs, "web", f.clock.now() + std::chrono::hours{1});
  CHECK(f.send("GET", "/resources/" + logs.value, "", "blue").status == 200);
  CHECK(f.send("GET", "/resources/" + logs.value, "", "reader").status == 401);
  CHECK(f.send("GET", "/resources/" + secret.value, "", "blue").status == 401);
  CHECK(f.send("GET", "/resources/" + secret.value).status == 200);
  CHECK(f.send("GET", "/resources/none").status == 404);
}

}  // namespace instance_task_routes_test
