#include <doctest/doctest.h>

#include <map>

#include "base/yaml.hpp"
#include "director/uploads/fixture.hpp"
#include "director/uploads/source.hpp"

using namespace slipway;
using namespace slipway::director;

using Fixture = UploadFixture;

TEST_CASE("a release is taken in with its jobs, packages and blobs") {
  Fixture f;
  f.run(update_release, {{"path", f.release("1.0")}});
  const auto release = f.stores.releases.find("tiny", "1.0").value();
  REQUIRE(release.jobs.size() == 1);
  CHECK(release.jobs[0].spec.at("templates").at("ctl") == "bin/ctl");
  CHECK(release.commit_hash == "abc");
  CHECK(f.blobs.exists(release.jobs[0].blob));
  CHECK(f.blobs.exists(release.packages.at(0).blob));
  verify_file(f.blobs.path(release.jobs[0].blob).string(), MultiDigest::parse(release.jobs[0].sha1));
  CHECK(f.blobs.list().size() == 2);
  CHECK(f.event.text.find("\"state\":\"failed\"") == std::string::npos);
}

TEST_CASE("the same release again changes nothing and stores nothing") {
  Fixture f;
  const auto tarball = f.release("1.0");
  f.run(update_release, {{"path", tarball}});
  f.run(update_release, {{"path", tarball}});
  CHECK(f.blobs.list().size() == 2);
  CHECK(f.stores.releases.all().size() == 1);
}

TEST_CASE("a new version shares what did not change") {
  Fixture f;
  f.run(update_release, {{"path", f.release("1.0")}});
  f.run(update_release, {{"path", f.release("1.1", "echo 2")}});
  CHECK(f.blobs.list().size() == 3);
  CHECK(f.stores.releases.find("tiny", "1.0")->packages[0].id == f.stores.releases.find("tiny", "1.1")->packages[0].id);
}

TEST_CASE("a package the director holds may be absent from the tarball") {
  Fixture f;
  f.run(update_release, {{"path", f.release("1.0")}});
  const auto full = f.release("1.1", "echo 2");
  const auto thin = f.folder.path() / "thin.tgz";
  {
    ArchiveReader reader(full);
    ArchiveWriter writer(thin);
    ArchiveEntry entry;
    while (reader.next(entry)) {
      if (entry.is_directory || entry.name == "packages/lib.tgz") continue;
      writer.add(entry.name, reader.read_all(1 << 20));
    }
    writer.finish();
  }
  f.run(update_release, {{"path", thin.string()}});
  CHECK(f.stores.releases.find("tiny", "1.1")->packages.size() == 1);
}

TEST_CASE("one version with other contents is refused and leaves no blob behind") {
  Fixture f;
  f.run(update_release, {{"path", f.release("1.0")}});
  const auto before = f.blobs.list();
  CHECK(code_of([&] { f.run(update_release, {{"path", f.release("1.0", "echo 1", "true", "def")}}); }) == 30014);
  CHECK(code_of([&] { f.run(update_release, {{"path", f.release("1.0", "echo 2")}}); }) == 30013);
  CHECK(code_of([&] { f.run(update_release, {{"path", f.release("1.0", "echo 1", "false")}}); }) == 30012);
  CHECK(f.blobs.list() == before);
}

TEST_CASE("a rebased release gets the next development version, also after an interruption") {
  Fixture f;
  f.run(update_release, {{"path", f.release("1.0")}});
  TaskRecord record;
  record.type = "update_release";
  record.arguments = {{"path", f.release("1.0", "echo 2")}, {"rebase", true}};
  const auto task = f.tasks.insert(record, f.now);
  f.run(update_release, task);
  f.run(update_release, task);
  CHECK(f.stores.releases.find("tiny", "1.0+dev.1"));
  CHECK_FALSE(f.stores.releases.find("tiny", "1.0+dev.2"));
  f.run(update_release, {{"path", f.release("1.0+dev.1", "echo 3")}, {"rebase", true}});
  CHECK(f.stores.releases.find("tiny", "1.0+dev.2"));
}

TEST_CASE("fixing a release stores its blobs anew, drops compiled packages and the old blobs") {
  Fixture f;
  const auto tarball = f.release("1.0");
  f.run(update_release, {{"path", tarball}});
  const auto before = f.stores.releases.find("tiny", "1.0").value();
  CompiledPackageRecord compiled;
  compiled.package_id = before.packages[0].id;
  compiled.blob = f.blobs.put_file(tarball).id;
  f.stores.releases.insert_compiled(compiled);

  f.run(update_release, {{"path", tarball}, {"fix", true}});
  const auto after = f.stores.releases.find("tiny", "1.0").value();
  CHECK(after.packages[0].blob != before.packages[0].blob);
  CHECK(f.blobs.exists(after.packages[0].blob));
  CHECK(f.stores.releases.compiled_of(before.packages[0].id).empty());
  CHECK(f.blobs.list().size() == 2);
}

TEST_CASE("a truncated tarball and a missing file leave nothing half done") {
  Fixture f;
  const auto good = read_file(f.release("1.0"));
  const auto bad = (f.folder.path() / "bad.tgz").string();
  write_file_atomically(bad, good.substr(0, good.size() / 2));
  CHECK(code_of([&] { f.run(update_release, {{"path", bad}}); }) != 0);
  CHECK(code_of([&] { f.run(update_release, {{"path", "/does/not/exist"}}); }) != 0);
  CHECK(f.stores.releases.find("tiny", "1.0") == std::nullopt);
  CHECK(f.blobs.list().empty());
}

TEST_CASE("a release whose properties_schema.json is no schema is refused with its place and leaves nothing") {
  Fixture f;
  const auto good = f.release("1.0");
  ArchiveReader reader(good);
  ArchiveEntry entry;
  std::map<std::string, std::string> parts;
  while (reader.next(entry)) {
    if (!entry.is_directory) parts[entry.name] = reader.read_all(1 << 20);
  }
  const auto job = f.folder.path() / "web.tgz", bad = f.folder.path() / "bad.tgz";
  {
    ArchiveWriter writer(job);
    writer.add("job.MF", "name: web\n");
    writer.add("monit", "");
    writer.add("properties_schema.json", R"({"$schema": "https://json-schema.org/draft/2020-12/schema", "minimum": "x"})");
    writer.finish();
  }
  auto manifest = parse_yaml(parts.at("release.MF"), "release.MF");
  manifest["jobs"][0]["sha1"] = sha256_of_file(job.string());
  ArchiveWriter writer(bad);
  writer.add("release.MF", dump(manifest));
  writer.add("jobs/web.tgz", read_file(job));
  writer.add("packages/lib.tgz", parts.at("packages/lib.tgz"));
  writer.finish();
  std::string refusal;
  try {
    f.run(update_release, {{"path", bad.string()}});
  } catch (const Error& error) {
    refusal = error.what();
  }
  CHECK(refusal.find("jobs/web.tgz: properties_schema.json: #/minimum: is a string, allowed is number") != std::string::npos);
  CHECK(f.stores.releases.all().empty());
  CHECK(f.blobs.list().empty());
}

TEST_CASE("deleting all versions of a release deletes none while one is in use") {
  Fixture f;
  f.run(update_release, {{"path", f.release("1.0")}});
  f.run(update_release, {{"path", f.release("1.1", "echo 2")}});
  const auto used = f.stores.releases.find("tiny", "1.1").value();
  f.stores.deployments.record_success(f.stores.deployments.find_or_create("d", f.now), {used.id}, {}, f.now);
  CHECK(code_of([&] { f.run(delete_release, {{"name", "tiny"}}); }) == 30007);
  CHECK(f.stores.releases.versions().size() == 2);
}

TEST_CASE("deleting a release removes its blobs, unless a deployment uses it") {
  Fixture f;
  f.run(update_release, {{"path", f.release("1.0")}});
  f.run(update_release, {{"path", f.release("1.1", "echo 2")}});
  const auto used = f.stores.releases.find("tiny", "1.1").value();
  f.stores.deployments.record_success(f.stores.deployments.find_or_create("d", f.now), {used.id}, {}, f.now);
  CHECK(f.run(delete_release, {{"name", "tiny"}, {"version", "1.0"}}) == "/release/tiny/1.0");
  CHECK(f.blobs.list().size() == 2);
  CHECK(code_of([&] { f.run(delete_release, {{"name", "tiny"}}); }) == 30007);
  CHECK(code_of([&] { f.run(delete_release, {{"name", "tiny"}, {"version", "9"}}); }) == 30006);
  CHECK(code_of([&] { f.run(delete_release, {{"name", "none"}}); }) == 30005);
}

TEST_CASE("a location is fetched, verified and must be a URL that works") {
  Fixture f;
  const auto first = f.release("1.0");
  const auto second = f.release("1.1", "echo 2");
  std::string authorization;
  http::Server server({}, [&](http::Request& request) {
    authorization = request.headers["Authorization"];
    if (request.path == "/moved") return http::Response::redirect("/r.tgz");
    if (request.path == "/r.tgz") return http::Response::file(request, second, "application/gzip");
    if (request.path == "/first.tgz") return http::Response::file(request, first, "application/gzip");
    if (request.path == "/loop") return http::Response::redirect("/loop");
    return http::Response::text(404, "no");
  }, Log::discard());
  const auto host = "127.0.0.1:" + std::to_string(server.port());
  const auto base = "http://" + host;
  const auto upload = [&](const std::string& location, const std::string& digest = "") {
    return code_of([&] { f.run(update_release, {{"location", location}, {"sha1", digest}}); });
  };
  CHECK(upload(base + "/first.tgz", "sha256:" + std::string(64, '0')) == 30015);
  CHECK(upload(base + "/first.tgz", std::string(40, '0') + ";" + sha256_of_file(first)) == 0);
  CHECK(f.stores.releases.find("tiny", "1.0"));
  CHECK(upload("http://jane:pa%3Ass@" + host + "/moved") == 0);
  CHECK(f.stores.releases.find("tiny", "1.1"));
  CHECK(authorization == "Basic " + base64_encode("jane:pa:ss"));
  CHECK(upload(base + "/loop") == 100001);
  CHECK(upload(base + "/none") == 100002);
  CHECK(upload("ftp://x/y") != 0);
}

TEST_CASE("a file of the director's host is no location, and a password is not shown") {
  Fixture f;
  CHECK(code_of([&] { f.run(update_release, {{"location", "file://" + f.release("1.0")}}); }) != 0);
  CHECK(f.stores.releases.all().empty());
  CHECK(shown_location("https://jane:hunter2@host:8443/a?b=c#d") == "https://host:8443/a?b=c");
  CHECK(shown_location("https://host") == "https://host/");
}

TEST_CASE("a release whose blob was lost is repaired by uploading it again") {
  Fixture f;
  const auto tarball = f.release("1.0");
  f.run(update_release, {{"path", tarball}});
  f.blobs.remove(f.stores.releases.find("tiny", "1.0")->packages[0].blob);
  f.run(update_release, {{"path", tarball}});
  CHECK(f.blobs.exists(f.stores.releases.find("tiny", "1.0")->packages[0].blob));
  CHECK(f.blobs.list().size() == 2);
}

TEST_CASE("a resumed upload stores its blobs under the ids it chose before") {
  Fixture f;
  TaskRecord record;
  record.type = "update_release";
  record.arguments = {{"path", f.release("1.0")}};
  const auto task = f.tasks.insert(record, f.now);
  // As after a crash between the journal's intent and the blob.
  f.stores.journal.begin(task.id, "store_blob", "package/lib", {{"blob", "chosen-before"}}, f.now);
  f.run(update_release, task);
  CHECK(f.stores.releases.find("tiny", "1.0")->packages[0].blob == BlobId{"chosen-before"});
}
