#include <doctest/doctest.h>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "director/api/fixture.hpp"

using namespace slipway;
using namespace slipway::director;

namespace artifact_routes_test {

namespace {

std::string stemcell(const TempDir& folder, const std::string& version) {
  const auto path = folder.path() / "stemcell.tgz";
  ArchiveWriter writer(path);
  writer.add("stemcell.MF", "name: debian\nversion: '" + version + "'\noperating_system: debian-12\nsha1: " +
                                sha1_hex("image") + "\napi_version: 3\ncloud_properties: {}\n");
  writer.add("image", "image");
  writer.finish();
  return read_file(path);
}

}  // namespace

TEST_CASE("an export is a task, for those who may administer the deployment, and its request is checked") {
  ApiFixture f({{"member", {"bosh.teams.t.admin"}}, {"reader", {"bosh.read"}}});
  f.stores.deployments.create_for_teams("web", {"t"}, f.now);
  Json body = {{"deployment_name", "web"}, {"release_name", "etcd"},   {"release_version", 1.5},
               {"stemcell_os", "debian"},  {"stemcell_version", "12"}, {"sha2", true},
               {"jobs", {{{"name", "etcd"}}}}};
  const auto task = f.task(f.send("POST", "/releases/export", body.dump(), "member"));
  CHECK(task.type == "export_release");
  CHECK(task.deployment == "web");
  CHECK(task.arguments.at("version") == "1.5");
  CHECK(task.arguments.at("sha256") == true);
  CHECK(task.arguments.at("jobs") == Json::array({"etcd"}));
  CHECK(f.send("POST", "/releases/export", body.dump(), "reader").status == 401);
  body.erase("release_name");
  body["jobs"] = {{{"nom", "x"}}};
  const auto refused = f.send("POST", "/releases/export", body.dump());
  CHECK(refused.status == 400);
  for (const char* place : {"release_name", "jobs[0].name"})
    CHECK(f.json(refused).at("description").get<std::string>().find(place) != std::string::npos);
}

TEST_CASE("compiled packages match by fingerprint, stemcell and dependencies") {
  ApiFixture f;
  TextReader blob("compiled");
  ReleaseRecord release{.name = "etcd", .version = "1.0"};
  release.packages = {{0, "app", "f1", "f1", {}, "", {"lib"}}, {0, "lib", "f2", "f2", {}, "", {}}};
  CompiledPackageRecord compiled;
  compiled.stemcell_os = "debian";
  compiled.stemcell_version = "12";
  compiled.dependency_key = R"([["lib","f2"]])";
  compiled.blob = f.blobs.put(blob).id;
  f.stores.releases.insert(release, f.now, {{"app", compiled}});
  const auto match = [&](const std::string& stemcell, const std::string& lib) {
    return f.json(f.send("POST", "/packages/matches_compiled",
                         "compiled_packages:\n- {name: app, version: f1, fingerprint: f1, stemcell: " + stemcell +
                             ", dependencies: [lib]}\n- {name: lib, version: " + lib + ", fingerprint: " + lib +
                             ", stemcell: " + stemcell + "}\n"));
  };
  CHECK(match("debian/12", "f2") == Json::array({"f1"}));
  CHECK(match("debian/12", "f3") == Json::array());
  CHECK(match("debian/13", "f2") == Json::array());
  CHECK(f.json(f.send("POST", "/packages/matches_compiled", "compiled_packages: 3")).at("code") == 440001);
  CHECK(f.json(f.send("POST", "/packages/matches", "[]")).at("code") == 440001);
  CHECK(f.json(f.send("POST", "/packages/matches", "name: x")) == Json::array());
}

TEST_CASE("a stemcell is taken apart while it comes in, and one that is there already is not stored") {
  ApiFixture f;
  const auto upload = [&](const std::string& version, const std::string& query = "") {
    return f.task(f.send("POST", "/stemcells" + query, stemcell(f.folder, version))).arguments;
  };
  const std::filesystem::path fresh = upload("1.0").at("path").get<std::string>();
  CHECK(read_file(fresh / "image") == "image");
  f.stores.stemcells.record_upload("debian", "1.0", "");
  const std::filesystem::path again = upload("1.0").at("path").get<std::string>();
  CHECK_FALSE(std::filesystem::exists(again / "image"));
  const std::filesystem::path fixed = upload("1.0", "?fix=true").at("path").get<std::string>();
  CHECK(std::filesystem::exists(fixed / "image"));
}

TEST_CASE("a tarball that is none becomes a task that says so, whose body was read to its end") {
  ApiFixture f;
  const auto arguments = f.task(f.send("POST", "/stemcells", "this is no tarball")).arguments;
  CHECK(arguments.at("refused").get<std::string>().find("stemcell tarball") != std::string::npos);
  CHECK_FALSE(arguments.contains("path"));
}

TEST_CASE("a digest may stand in the query or the body, not in both") {
  ApiFixture f;
  const http::Headers json = {{"Content-Type", "application/json"}};
  const Json body = {{"location", "https://x/y.tgz"}, {"sha1", "abc"}};
  CHECK(f.task(f.send("POST", "/releases", body.dump(), "admin", json)).arguments.at("sha1") == "abc");
  CHECK(f.send("POST", "/releases?sha1=abc", body.dump(), "admin", json).status == 400);
  CHECK(f.send("POST", "/releases?sha1=" + std::string(40, '0'), "tarball").status == 400);
}

TEST_CASE("a clean-up is a task, and its dry run lists every kind") {
  ApiFixture f(std::map<std::string, std::vector<std::string>>{{"reader", {"bosh.read"}}});
  const auto task = f.task(f.send("POST", "/cleanup", R"({"config":{"remove_all":true,"keep_orphaned_disks":true}})"));
  CHECK(task.type == "cleanup_artifacts");
  CHECK(task.description == "clean up all");
  CHECK(task.arguments == Json({{"remove_all", true}, {"keep_orphaned_disks", true}}));
  CHECK(f.send("POST", "/cleanup", R"({"config":{"remove_all":"yes"}})").status == 400);
  CHECK(f.send("POST", "/cleanup", R"({"config":{}})", "reader").status == 401);
  for (int version = 1; version <= 3; ++version)
    f.stores.releases.insert({.name = "etcd", .version = std::to_string(version)}, f.now);
  const auto plan = f.json(f.send("GET", "/cleanup/dryrun"));
  CHECK(plan.at("releases") == parse_json(R"([{"name":"etcd","versions":["1"]}])", "releases"));
  for (const char* kind : {"stemcells", "compiled_packages", "orphaned_disks", "orphaned_vms", "exported_releases", "dns_blobs"})
    CHECK(plan.at(kind) == Json::array());
  CHECK(f.json(f.send("GET", "/cleanup/dryrun?remove_all=true")).at("releases")[0].at("versions").size() == 3);
}

TEST_CASE("a CPI config is checked when it is uploaded, with the others that are there") {
  ApiFixture f;
  CHECK(f.send("POST", "/cpi_configs", "cpis: [{name: a, type: t}]").status == 201);
  CHECK(f.json(f.send("POST", "/cpi_configs", "cpis: [{name: a}]")).at("code") == 40001);
  const Json second = {{"type", "cpi"}, {"name", "more"}, {"content", "cpis: [{name: a, type: t}]"}};
  CHECK(f.json(f.send("POST", "/configs", second.dump())).at("code") == 550000);
  CHECK(f.send("POST", "/cpi_configs", "cpis: [{name: a, type: t2}]").status == 201);
}

TEST_CASE("an upload without a body is refused with the code of what it is no archive of") {
  ApiFixture f;
  CHECK(f.json(f.send("POST", "/releases")).at("code") == 30002);
  CHECK(f.json(f.send("POST", "/stemcells")).at("code") == 50000);
}

TEST_CASE("a runtime config is checked when it is uploaded, with the others that are there") {
  ApiFixture f;
  const auto upload = [&](const std::string& name, const std::string& yaml) {
    return f.send("POST", "/runtime_configs?name=" + name, yaml);
  };
  const auto code = [&](const std::string& name, const std::string& yaml) {
    const auto response = upload(name, yaml);
    return response.status == 201 ? Json(0) : f.json(response).at("code");
  };
  CHECK(code("a", "releases: [{name: dns, version: latest}]") == 530001);
  CHECK(code("a", "addons: [{name: x, jobs: [{name: j, release: other}]}]") == 530002);
  CHECK(code("a", "releases: [{name: dns, version: 1.5}]\ntags: {a: b}") == 0);
  CHECK(code("b", "addons: [{name: x, jobs: [{name: j, release: dns}]}]") == 0);  // of another's release
  CHECK(code("b", "tags: {c: d}") == 530006);
  CHECK(code("c", "releases: [{name: dns, version: ((version))}]\naddons: ((addons))") == 0);
  // One that was stored before it would have been refused is in nobody's way.
  f.stores.configs.put("runtime", "broken", "releases: [{name: x, version: latest}]", {}, f.now);
  CHECK(code("d", "variables: [{name: /x, type: password}]") == 0);
  CHECK(code("d", "variables: 3") == 560000);
}

TEST_CASE("releases are listed with their jobs, and an unknown one cannot be deleted") {
  ApiFixture f;
  ReleaseRecord release{.name = "etcd", .version = "1.0"};
  release.jobs = {{"etcd", "j1", "j1", BlobId{"b1"}, "", Json::object()}, {"bench", "j2", "j2", BlobId{"b2"}, "", Json::object()}};
  f.stores.releases.insert(release, f.now);
  CHECK(f.json(f.send("GET", "/releases"))[0].at("release_versions")[0].at("job_names") == Json::array({"bench", "etcd"}));
  CHECK(f.json(f.send("DELETE", "/releases/none")).at("code") == 30005);
  CHECK(f.task(f.send("DELETE", "/releases/etcd?version=1.0&force=true")).arguments.at("force") == true);
}

}  // namespace artifact_routes_test
