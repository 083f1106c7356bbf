#include <doctest/doctest.h>

#include <filesystem>
#include <thread>

#include "base/http/client.hpp"
#include "director/api/fixture.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace std::chrono_literals;

namespace routes_test {

TEST_CASE("anybody may ask for info, and a right password shows in it") {
  ApiFixture f;
  const auto anonymous = f.json(f.send("GET", "/info", "", ""));
  CHECK(anonymous.at("user").is_null());
  CHECK(anonymous.at("uuid") == "uuid-1");
  CHECK(anonymous.at("user_authentication").at("type") == "basic");
  CHECK(f.json(f.send("GET", "/info")).at("user") == "admin");
  const auto wrong = f.send("GET", "/info", "", "", {{"Authorization", "Basic " + base64_encode("admin:no")}});
  CHECK(wrong.status == 200);
  CHECK(f.json(wrong).at("user").is_null());
}

TEST_CASE("without credentials the answer is a plain 401") {
  ApiFixture f;
  const auto response = f.send("GET", "/tasks", "", "");
  CHECK(response.status == 401);
  CHECK(f.body(response) == "Not authorized: '/tasks'\n");
  CHECK(response.headers.contains("WWW-Authenticate"));
}

TEST_CASE("a task shows the fields the CLI reads, with their types") {
  ApiFixture f;
  const auto task = f.task(f.send("POST", "/deployments?recreate=true&canaries=2", "name: web\n"));
  const auto json = f.json(f.send("GET", "/tasks/" + std::to_string(task.id)));
  CHECK(json.at("id") == task.id);
  CHECK(json.at("state") == "queued");
  CHECK(json.at("description") == "create deployment");
  CHECK(json.at("timestamp").is_null());
  CHECK(json.at("deployment") == "web");
  CHECK(json.at("user") == "admin");
  CHECK(task.arguments.at("manifest") == "name: web\n");
  CHECK(task.arguments.at("options").at("recreate") == "true");
  CHECK(task.arguments.at("options").at("canaries") == "2");
  CHECK(f.json(f.send("GET", "/tasks?state=queued,processing&deployment=web")).size() == 1);
  CHECK(f.json(f.send("GET", "/tasks?state=done")).empty());
  CHECK(f.send("GET", "/tasks?state=wrong").status == 400);
}

TEST_CASE("an unknown task is a 404 with code 10000") {
  ApiFixture f;
  const auto response = f.send("GET", "/tasks/99");
  CHECK(response.status == 404);
  CHECK(f.json(response) == Json({{"code", 10000}, {"description", "Task 99 not found"}}));
  CHECK(f.send("GET", "/tasks/abc").status == 404);
}

TEST_CASE("task output honours ranges, is empty while there is none, and knows its kinds") {
  ApiFixture f;
  TaskRecord record;
  record.type = "update_release";
  const auto task = f.tasks.insert(record, f.now);
  const auto path = "/tasks/" + std::to_string(task.id) + "/output?type=event";
  CHECK(f.send("GET", path).status == 204);
  std::filesystem::create_directories(f.folder.path() / "tasks" / "1");
  write_file_atomically(f.tasks.output_path(task.id, "event"), "line 1\nline 2\n");
  const auto part = f.send("GET", path, "", "admin", {{"Range", "bytes=7-"}});
  CHECK(part.status == 206);
  CHECK(std::get<http::FileBody>(part.body).offset == 7);
  CHECK(f.send("GET", path, "", "admin", {{"Range", "bytes=14-"}}).status == 416);
  CHECK(f.send("GET", "/tasks/1/output?type=nonsense").status == 400);
}

TEST_CASE("cancelling answers 204, and 400 for a task that is over") {
  ApiFixture f;
  TaskRecord record;
  record.type = "update_release";
  const auto task = f.tasks.insert(record, f.now);
  CHECK(f.send("DELETE", "/task/1").status == 204);
  CHECK(f.tasks.find(task.id)->state == TaskState::cancelled);
  CHECK(f.send("DELETE", "/task/1").status == 400);
  f.tasks.insert(record, f.now);
  CHECK(f.send("POST", "/tasks/cancel", R"({"states":["queued"]})").status == 204);
  CHECK(f.tasks.find(2)->state == TaskState::cancelled);
}

TEST_CASE("a task can be asked to stop between instances, until it has ended") {
  ApiFixture f;
  TaskRecord record;
  record.type = "update_deployment";
  f.tasks.insert(record, f.now);
  CHECK(f.send("DELETE", "/task/1?between_instances=perhaps").status == 400);
  CHECK(f.send("DELETE", "/task/1?between_instances=true").status == 204);
  CHECK(f.tasks.find(1)->state == TaskState::cancelled);
  CHECK(f.send("DELETE", "/task/1?between_instances=true").status == 400);
  CHECK(f.send("DELETE", "/task/2?between_instances=true").status == 404);
}

TEST_CASE("a long poll of a finished task returns at once with its version") {
  ApiFixture f;
  TaskRecord record;
  record.type = "update_release";
  f.tasks.insert(record, f.now);
  const auto first = f.send("GET", "/tasks/1?wait_seconds=30&version=0");
  const auto version = first.headers.at("X-Slipway-Version");
  f.queue.cancel(1);
  const auto second = f.send("GET", "/tasks/1?wait_seconds=30&version=" + version);
  CHECK(f.json(second).at("state") == "cancelled");
  CHECK(second.headers.at("X-Slipway-Version") != version);
  f.send("GET", "/tasks/1?wait_seconds=30&version=" + second.headers.at("X-Slipway-Version"));
}

TEST_CASE("a config is stored, listed, compared and removed") {
  ApiFixture f;
  const auto created = f.send("POST", "/configs", R"({"type":"cloud","name":"default","content":"azs: []"})");
  CHECK(created.status == 201);
  const auto id = f.json(created).at("id");
  CHECK(id.is_string());
  CHECK(f.json(f.send("POST", "/configs", R"({"type":"cloud","name":"default","content":"azs: []"})")).at("id") == id);
  const auto listed = f.json(f.send("GET", "/configs?latest=true"));
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].at("content") == "azs: []");
  CHECK(listed[0].at("current") == true);
  CHECK(f.send("GET", "/configs/" + id.get<std::string>()).status == 200);

  const auto diff = f.json(f.send("POST", "/configs/diff", R"({"type":"cloud","name":"default","content":"azs: [a]"})"));
  CHECK(diff.at("from").at("id") == id);
  CHECK_FALSE(diff.at("diff").empty());
  const auto sides =
      f.json(f.send("POST", "/configs/diff", R"({"from":{"id":")" + id.get<std::string>() + R"("},"to":{"content":"azs: []"}})"));
  CHECK(sides.at("diff").empty());

  CHECK(f.send("DELETE", "/configs?type=cloud&name=default").status == 204);
  CHECK(f.send("DELETE", "/configs?type=cloud&name=default").status == 404);
  CHECK(f.send("GET", "/configs/77").status == 404);
}

TEST_CASE("a config that somebody else changed meanwhile is not overwritten") {
  ApiFixture f;
  f.send("POST", "/configs", R"({"type":"cloud","name":"default","content":"a: 1","expected_latest_id":"0"})");
  const auto stale =
      f.send("POST", "/configs", R"({"type":"cloud","name":"default","content":"a: 2","expected_latest_id":"0"})");
  CHECK(stale.status == 412);
  CHECK(f.json(stale).at("latest_id") == "1");
  CHECK(f.send("POST", "/configs", R"({"type":"cloud","name":"default","content":"a: 2","expected_latest_id":1})").status ==
        201);
}

TEST_CASE("a config that is no mapping or no YAML is refused") {
  ApiFixture f;
  CHECK(f.send("POST", "/configs", R"({"type":"cloud","name":"default","content":"- 1"})").status == 400);
  CHECK(f.send("POST", "/cloud_configs", "a: [").status == 400);
  CHECK(f.send("POST", "/configs", R"({"type":"cloud"})").status == 400);
  CHECK(f.send("POST", "/configs", "nonsense").status == 400);
}

TEST_CASE("the older endpoints of configs work on the same configs") {
  ApiFixture f;
  CHECK(f.send("POST", "/cloud_configs", "azs: []").status == 201);
  CHECK(f.json(f.send("GET", "/cloud_configs?limit=1"))[0].at("properties") == "azs: []");
  CHECK(f.json(f.send("GET", "/configs?type=cloud&latest=true")).size() == 1);
  const auto diff = f.json(f.send("POST", "/cloud_configs/diff", "azs: [a]"));
  CHECK_FALSE(diff.at("diff").empty());
  CHECK(f.json(f.send("GET", "/configs?type=deploy&limit=1&latest=true")) == Json::array());
}

TEST_CASE("a repeated POST with one context id leads to one task") {
  ApiFixture f;
  const http::Headers headers = {{"X-Bosh-Context-Id", "ctx"}};
  const auto first = f.send("POST", "/deployments", "name: web\n", "admin", headers);
  CHECK(f.send("POST", "/deployments", "name: web\n", "admin", headers).headers == first.headers);
  const auto upload = f.send("POST", "/releases", "tarball", "admin", headers);
  CHECK(upload.headers.at("Location") == "/tasks/2");
  CHECK(f.send("POST", "/releases", "tarball", "admin", headers).headers.at("Location") == "/tasks/2");
  CHECK(f.send("POST", "/releases", "t", "admin", {{"X-Bosh-Context-Id", std::string(65, 'x')}}).status == 400);
}

TEST_CASE("an upload lies in a file until its task ends, and nothing stays of a refused one") {
  ApiFixture f;
  const auto task = f.task(f.send("POST", "/releases?fix=true", "tarball", "admin",
                                  {{"Content-Type", "application/x-compressed"}}));
  CHECK(task.type == "update_release");
  CHECK(task.arguments.at("fix") == true);
  CHECK(read_file(task.arguments.at("path").get<std::string>()) == "tarball");
  CHECK(f.send("POST", "/stemcells", "").status == 400);
  const auto remote = f.task(f.send("POST", "/releases", R"({"location":"https://example.com/r.tgz","sha1":"abc"})",
                                    "admin", {{"Content-Type", "application/json"}}));
  CHECK(remote.arguments.at("location") == "https://example.com/r.tgz");
  f.queue.cancel(task.id);
  f.uploads.sweep(f.tasks);
  f.tasks.remove_old(0, std::nullopt);
  CHECK(f.send("POST", "/releases", R"({"sha1":"abc"})", "admin", {{"Content-Type", "application/json"}}).status == 400);
}

TEST_CASE("a stemcell is needed while a CPI lacks it") {
  ApiFixture f;
  const std::string asked = R"({"stemcell":{"name":"debian","version":"1"}})";
  CHECK(f.json(f.send("POST", "/stemcell_uploads", asked)).at("needed") == true);
  StemcellRecord stemcell;
  stemcell.name = "debian";
  stemcell.version = "1";
  stemcell.operating_system = "debian-12";
  stemcell.cid = StemcellCid{"sc"};
  f.stores.stemcells.insert(stemcell, f.now);
  CHECK(f.json(f.send("POST", "/stemcell_uploads", asked)).at("needed") == false);
  const auto listed = f.json(f.send("GET", "/stemcells"))[0];
  CHECK(listed.at("cid") == "sc");
  CHECK(listed.at("deployments") == Json::array());
}

TEST_CASE("releases are listed by name and shown by version") {
  ApiFixture f;
  TextReader blob("package");
  ReleaseRecord release;
  release.name = "etcd";
  release.version = "1.0";
  release.commit_hash = "abc";
  release.jobs = {{"etcd", "j1", "j1", BlobId{"b1"}, "sha256:1", Json::object()}};
  release.packages = {{0, "etcd", "p1", "p1", f.blobs.put(blob).id, "sha256:2", {}}};
  f.stores.releases.insert(release, f.now);
  const auto listed = f.json(f.send("GET", "/releases"))[0];
  CHECK(listed.at("release_versions")[0].at("version") == "1.0");
  CHECK(listed.at("release_versions")[0].at("currently_deployed") == false);
  const auto shown = f.json(f.send("GET", "/releases/etcd?version=1.0"));
  CHECK(shown.at("jobs")[0].at("blobstore_id") == "b1");
  CHECK(shown.at("packages")[0].at("compiled_packages") == Json::array());
  CHECK(f.json(f.send("GET", "/releases/etcd?version=2")).at("code") == 30006);
  CHECK(f.json(f.send("GET", "/releases/none")).at("code") == 30005);
  const auto matches = f.send("POST", "/packages/matches", "packages:\n- {name: etcd, fingerprint: p1}\n- {name: x, fingerprint: p2}\n");
  CHECK(f.json(matches) == Json::array({"p1"}));
}

TEST_CASE("instances are listed for the CLI's completion and the health monitor") {
  ApiFixture f;
  f.stores.deployments.find_or_create("web", f.now);
  InstanceRecord instance;
  instance.id = InstanceId{"i1"};
  instance.deployment = "web";
  instance.group = "app";
  instance.az = "z1";
  f.stores.instances.insert(instance);
  VmRecord vm;
  vm.agent = AgentId{"a1"};
  vm.instance = instance.id;
  vm.deployment = "web";
  f.stores.vms.insert_creating(vm);
  f.stores.vms.set_created(vm.agent, VmCid{"vm-1"}, Json::object());
  f.stores.vms.set_active(vm.agent);
  f.stores.ips.reserve({"10.0.0.2", "web", instance.id, {}, "default", false}, f.now);
  const auto row = f.json(f.send("GET", "/deployments/web/instances"))[0];
  CHECK(row == Json({{"agent_id", "a1"}, {"cid", "vm-1"}, {"id", "i1"}, {"job", "app"}, {"index", 0}, {"az", "z1"},
                     {"ips", {"10.0.0.2"}}, {"expects_vm", true}, {"ignore", false}}));
  CHECK(f.json(f.send("GET", "/deployments/web/vms"))[0].at("active") == true);
  CHECK(f.send("GET", "/deployments/none/instances").status == 404);
  const auto full = f.task(f.send("GET", "/deployments/web/vms?format=full"));
  CHECK(full.type == "fetch_instances");
  CHECK(full.arguments.at("only_with_vm") == true);

  const auto change = f.task(f.send("PUT", "/deployments/web/jobs/app/0?state=recreate&skip_drain=*", ""));
  CHECK(change.type == "change_instances");
  CHECK(change.arguments.at("instance") == "i1");
  CHECK(change.arguments.at("options").at("skip_drain") == "*");
  CHECK(f.send("PUT", "/deployments/web/jobs/app/7?state=recreate").status == 404);
  CHECK(f.send("PUT", "/deployments/web/jobs/app?state=sideways").status == 400);
  const auto stop = f.task(f.send("POST", "/deployments/web/instance_groups/app/i1/actions/stop?hard=true"));
  CHECK(stop.arguments.at("state") == "detached");
  CHECK(f.send("PUT", "/deployments/web/instance_groups/app/i1/ignore", R"({"ignore":true})").status == 200);
  CHECK(f.stores.instances.find(instance.id)->ignore);
  const auto scan = f.task(f.send("PUT", "/deployments/web/scan_and_fix", R"({"jobs":{"app":["i1"]}})"));
  CHECK(scan.arguments.at("jobs").at("app")[0] == "i1");
  CHECK(f.send("PUT", "/deployments/web/scan_and_fix", R"({"jobs":{"app":[1]}})").status == 400);
}

TEST_CASE("a diff works for a deployment that does not exist and tells failures inside a 200") {
  ApiFixture f;
  f.send("POST", "/cloud_configs", "azs: []");
  const auto diff = f.json(f.send("POST", "/deployments/web/diff", "name: web\nproperties: {a: secret}\n"));
  CHECK(diff.at("context").at("cloud_config_ids") == Json::array({1}));
  CHECK_FALSE(diff.at("diff").empty());
  CHECK(diff.dump().find("secret") == std::string::npos);
  CHECK(f.json(f.send("POST", "/deployments/web/diff?redact=false", "properties: {a: secret}\n")).dump().find("secret") !=
        std::string::npos);
  const auto broken = f.send("POST", "/deployments/web/diff", "a: [");
  CHECK(broken.status == 200);
  CHECK(f.json(broken).contains("error"));
}

TEST_CASE("a deployment without a success has no manifest yet") {
  ApiFixture f;
  f.stores.deployments.find_or_create("web", f.now);
  f.stores.deployments.record_attempt("web", "name: web", f.now);
  const auto shown = f.json(f.send("GET", "/deployments/web"));
  CHECK(shown.at("manifest").is_null());
  CHECK(shown.at("attempted_manifest") == "name: web");
  const auto listed = f.json(f.send("GET", "/deployments"))[0];
  CHECK(listed.at("cloud_config") == "none");
  CHECK(listed.at("locked") == false);
}

TEST_CASE("manifests without a name, of another shape or that explode are refused") {
  ApiFixture f;
  CHECK(f.send("POST", "/deployments", "a: 1\n").status == 400);
  CHECK(f.send("POST", "/deployments", "- 1\n").status == 400);
  CHECK(f.send("POST", "/deployments", "name: {}\n").status == 400);
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) bomb += ", " + before;
    bomb += "]\n";
  }
  CHECK(f.send("POST", "/deployments", bomb).status == 400);
}

TEST_CASE("a lock shows what it protects, until when and for which task") {
  ApiFixture f;
  const auto held = f.locks.acquire("lock:deployment:web", 7, 0s);
  const auto lock = f.json(f.send("GET", "/locks"))[0];
  CHECK(lock.at("type") == "deployment");
  CHECK(lock.at("resource") == Json::array({"web"}));
  CHECK(lock.at("task_id") == "7");
  CHECK(lock.at("timeout").get<std::string>().find('.') != std::string::npos);
  f.stores.deployments.find_or_create("web", f.now);
  CHECK(f.json(f.send("GET", "/deployments"))[0].at("locked") == true);
}

TEST_CASE("events are recorded by other programs and read back") {
  ApiFixture f;
  CHECK(f.send("POST", "/events", R"({"action":"create","object_type":"alert","object_name":"a1"})").status == 200);
  const auto event = f.json(f.send("GET", "/events?object_type=alert"))[0];
  CHECK(event.at("id") == "1");
  CHECK(event.at("user") == "admin");
  CHECK(f.send("GET", "/events/1").status == 200);
  CHECK(f.send("GET", "/events/2").status == 404);
  CHECK(f.send("POST", "/events", R"({})").status == 400);
}

TEST_CASE("the config server gives values to admins and hides the director's own keys") {
  ApiFixture f;
  const auto stored = f.stores.variable_values.put("/test/web/password", "s3cret", f.now);
  f.stores.variable_values.put("/:director/bus_ca", "key", f.now);
  const auto data = f.json(f.send("GET", "/v1/data?name=/test/web/password&current=true")).at("data")[0];
  CHECK(data.at("value") == "s3cret");
  CHECK(data.at("id") == std::to_string(stored.id));
  CHECK(f.send("GET", "/v1/data/" + std::to_string(stored.id)).status == 200);
  CHECK(f.send("GET", "/v1/data?name=/:director/bus_ca").status == 404);
  CHECK(f.send("GET", "/v1/data/2").status == 404);
  f.stores.deployments.find_or_create("web", f.now);
  f.stores.variable_values.pin("web", {stored.id});
  CHECK(f.json(f.send("GET", "/deployments/web/variables"))[0].at("name") == "/test/web/password");
}

TEST_CASE("certificates that a deployment runs with are told with the days they have left") {
  ApiFixture f;
  f.stores.deployments.find_or_create("web", f.now);
  auto& values = f.stores.variable_values;
  const auto now = f.clock.now();
  tls::CertificateRequest request;
  request.subject = {.common_name = "web"};
  request.lifetime = std::chrono::hours(24 * 30 + 12);
  request.key = tls::KeyType::ec_p256;
  const auto made = [&](const char* name) {
    return values.put(name, {{"certificate", tls::self_signed(request, now).certificate_pem}, {"private_key", "k"}}, now)
        .id;
  };
  const auto first = made("/test/web/server");
  made("/test/web/server");  // made anew, and not deployed yet
  values.pin("web", {first, values.put("/test/web/password", "secret", now).id,
                     values.put("/set/by/hand", {{"certificate", "none"}}, now).id});
  const auto response = f.send("GET", "/deployments/web/certificate_expiry");
  const auto list = f.json(response);
  REQUIRE(list.size() == 1);
  CHECK(list[0].at("certificate_path") == "/test/web/server");
  CHECK(list[0].at("days_left") == 30);
  CHECK(parse_rfc3339(list[0].at("expiry")) > now);
  CHECK(f.send("GET", "/deployments/none/certificate_expiry").status == 404);
}

TEST_CASE("over real HTTP a body streams to disk, a redirect is relative and output has ranges") {
  ApiFixture f;
  http::Server server({}, f.api->handler(), Log::discard());
  http::Client client({.base_url = "http://127.0.0.1:" + std::to_string(server.port())});
  const http::Headers auth = {{"Authorization", "Basic " + base64_encode("admin:admin")}};
  const auto posted = client.send({.method = "POST", .target = "/releases", .headers = auth, .body = std::string(3 << 20, 'x')});
  CHECK(posted.status == 302);
  CHECK(posted.headers.at("Location") == "/tasks/1");
  CHECK(std::filesystem::file_size(f.tasks.find(1)->arguments.at("path").get<std::string>()) == 3u << 20);
  std::filesystem::create_directories(f.folder.path() / "tasks" / "1");
  write_file_atomically(f.tasks.output_path(1, "event"), "line 1\nline 2\n");
  auto headers = auth;
  headers["Range"] = "bytes=7-";
  const auto part = client.send({.target = "/tasks/1/output?type=event", .headers = headers});
  CHECK(part.status == 206);
  CHECK(part.body == "line 2\n");
  CHECK(client.send({.target = "/tasks"}).status == 401);
}

}  // namespace routes_test
