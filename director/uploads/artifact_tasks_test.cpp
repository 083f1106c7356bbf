#include "director/uploads/artifact_tasks.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "director/api/fixture.hpp"
#include "director/uploads/source.hpp"
#include "director/uploads/upload_folder.hpp"
#include "releases/format/create.hpp"

using namespace slipway;
using namespace slipway::director;

namespace fs = std::filesystem;

namespace {

struct Lines final : TaskOutput {
  std::string text;
  void append(std::string_view line) override { text += std::string(line) + "\n"; }
};

struct Fixture : StoreFixture {
  SystemClock clock;
  SystemRandom random;
  Stores stores{db, Secret(std::string(32, 'k'))};
  Tasks tasks{db, (folder.path() / "tasks").string()};
  Locks locks{db, clock, "d1"};
  Blobstore blobs{folder.path() / "blobs", random};
  SimulatedCpis cpis;
  ArtifactServices services{clock, random, stores, locks, blobs, cpis, folder.path()};
  Lines event, result, debug, cpi;
  bool cancelled = false;

  using Body = std::string (*)(ArtifactServices&, TaskContext&);
  std::string run(Body body, const Json& arguments) {
    TaskRecord record;
    record.type = "t";
    record.arguments = arguments;
    return run(body, tasks.insert(record, now));
  }
  std::string run(Body body, const TaskRecord& task) {
    TaskContext context(task, clock, event, result, debug, cpi, [this] { return cancelled; });
    return body(services, context);
  }

  void write(const std::string& path, const std::string& text) {
    const auto file = folder.path() / path;
    fs::create_directories(file.parent_path());
    write_file_atomically(file, text);
  }
  // A release with one job and one package whose contents are given.
  std::string release(const std::string& version, const std::string& script = "echo 1",
                      const std::string& packaging = "true", const std::string& commit = "abc") {
    fs::remove_all(folder.path() / "src");
    write("src/config/final.yml", "name: tiny\n");
    write("src/jobs/web/spec",
          "name: web\ntemplates: {ctl: bin/ctl}\npackages: [lib]\nproperties: {}\n");
    write("src/jobs/web/monit", "check process web\n");
    write("src/jobs/web/templates/ctl", script + "\n");
    write("src/packages/lib/spec", "name: lib\ndependencies: []\nfiles: []\n");
    write("src/packages/lib/packaging", packaging + "\n");
    const auto out = folder.path() / ("tiny-" + version + ".tgz");
    releases::create_release({.directory = folder.path() / "src", .version = version, .commit_hash = commit}, out);
    return out.string();
  }
  std::string stemcell(const std::string& version, const std::string& image = "image",
                       const std::string& format = "") {
    const auto out = folder.path() / ("stemcell-" + version + ".tgz");
    ArchiveWriter writer(out);
    writer.add("stemcell.MF", "name: debian\nversion: '" + version + "'\noperating_system: debian-12\nsha1: " +
                                  sha1_hex("image") + "\napi_version: 3\ncloud_properties: {a: 1}\n" +
                                  (format.empty() ? "" : "stemcell_formats: [" + format + "]\n"));
    writer.add("image", image);
    writer.finish();
    return out.string();
  }
};

int code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code() == 0 ? -1 : error.code();
  }
  return 0;
}

}  // namespace

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

TEST_CASE("a rebased release gets the next development version") {
  Fixture f;
  f.run(update_release, {{"path", f.release("1.0")}});
  f.run(update_release, {{"path", f.release("1.0", "echo 2")}, {"rebase", true}});
  CHECK(f.stores.releases.find("tiny", "1.0+dev.1"));
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

TEST_CASE("a release whose blob was lost is repaired by uploading it again") {
  Fixture f;
  const auto tarball = f.release("1.0");
  f.run(update_release, {{"path", tarball}});
  f.blobs.remove(f.stores.releases.find("tiny", "1.0")->packages[0].blob);
  f.run(update_release, {{"path", tarball}});
  CHECK(f.blobs.exists(f.stores.releases.find("tiny", "1.0")->packages[0].blob));
  CHECK(f.blobs.list().size() == 2);
}

TEST_CASE("a truncated tarball, a wrong digest and a missing file leave nothing half done") {
  Fixture f;
  const auto good = read_file(f.release("1.0"));
  const auto bad = (f.folder.path() / "bad.tgz").string();
  write_file_atomically(bad, good.substr(0, good.size() / 2));
  CHECK(code_of([&] { f.run(update_release, {{"path", bad}}); }) != 0);
  CHECK(code_of([&] { f.run(update_release, {{"path", f.release("1.0")}, {"sha1", std::string(40, '0')}}); }) != 0);
  CHECK(code_of([&] { f.run(update_release, {{"path", "/does/not/exist"}}); }) != 0);
  CHECK(f.stores.releases.find("tiny", "1.0") == std::nullopt);
  CHECK(f.blobs.list().empty());
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

TEST_CASE("a stemcell is created once in the cloud and recorded") {
  Fixture f;
  const auto tarball = f.stemcell("1.0");
  CHECK(f.run(update_stemcell, {{"path", tarball}}) == "/stemcells/debian/1.0");
  CHECK(f.run(update_stemcell, {{"path", tarball}}) == "/stemcells/debian/1.0");
  CHECK(f.cpis.cpi().calls("create_stemcell") == 1);
  const auto stemcell = f.stores.stemcells.find("debian", "1.0", "").value();
  CHECK(stemcell.operating_system == "debian-12");
  CHECK(stemcell.api_version == 3);
  CHECK_FALSE(stemcell.cid.empty());
  f.run(update_stemcell, {{"path", tarball}, {"fix", true}});
  CHECK(f.cpis.cpi().calls("create_stemcell") == 2);
}

TEST_CASE("a stemcell the cloud answered for before a crash is not created again") {
  Fixture f;
  TaskRecord record;
  record.type = "update_stemcell";
  record.arguments = {{"path", f.stemcell("1.0")}};
  const auto task = f.tasks.insert(record, f.now);
  const auto step = f.stores.journal.begin(task.id, "create_stemcell", "", {}, f.now);
  f.stores.journal.finish(step.id, {{"cid", "sc-before"}}, f.now);
  f.run(update_stemcell, task);
  CHECK(f.cpis.cpi().calls("create_stemcell") == 0);
  CHECK(f.stores.stemcells.find("debian", "1.0", "")->cid == StemcellCid{"sc-before"});
}

TEST_CASE("a stemcell with a wrong image digest or a format no CPI takes is refused") {
  Fixture f;
  CHECK(code_of([&] { f.run(update_stemcell, {{"path", f.stemcell("1.0", "tampered")}}); }) != 0);
  CHECK(code_of([&] { f.run(update_stemcell, {{"path", f.stemcell("1.0", "image", "vsphere-ova")}}); }) == 50010);
  CHECK(f.stores.stemcells.all().empty());
  CHECK(f.cpis.cpi().calls("create_stemcell") == 0);
}

TEST_CASE("deleting a stemcell removes it from the cloud, unless a deployment uses it") {
  Fixture f;
  f.run(update_stemcell, {{"path", f.stemcell("1.0")}});
  const auto stemcell = f.stores.stemcells.find("debian", "1.0", "").value();
  auto deployment = f.stores.deployments.find_or_create("d", f.now);
  f.stores.deployments.record_success(deployment, {}, {stemcell.id}, f.now);
  CHECK(code_of([&] { f.run(delete_stemcell, {{"name", "debian"}, {"version", "1.0"}}); }) == 50004);
  CHECK(f.cpis.cpi().calls("delete_stemcell") == 0);
  f.stores.deployments.remove("d");
  f.run(delete_stemcell, {{"name", "debian"}, {"version", "1.0"}});
  CHECK(f.cpis.cpi().calls("delete_stemcell") == 1);
  CHECK(f.stores.stemcells.all().empty());
  CHECK(code_of([&] { f.run(delete_stemcell, {{"name", "debian"}, {"version", "1.0"}}); }) == 50003);
}

TEST_CASE("a location is fetched, verified and must be a URL that works") {
  Fixture f;
  const auto tarball = f.release("1.0");
  f.run(update_release, {{"location", "file://" + tarball}, {"sha1", sha256_of_file(tarball)}});
  CHECK(f.stores.releases.find("tiny", "1.0"));
  http::Server server({}, [&](http::Request& request) {
    if (request.path == "/moved") return http::Response::redirect("/r.tgz");
    if (request.path == "/r.tgz") return http::Response::file(request, f.release("1.1", "echo 2"), "application/gzip");
    if (request.path == "/loop") return http::Response::redirect("/loop");
    return http::Response::text(404, "no");
  }, Log::discard());
  const auto base = "http://127.0.0.1:" + std::to_string(server.port());
  f.run(update_release, {{"location", base + "/moved"}});
  CHECK(f.stores.releases.find("tiny", "1.1"));
  CHECK(code_of([&] { f.run(update_release, {{"location", base + "/loop"}}); }) != 0);
  CHECK(code_of([&] { f.run(update_release, {{"location", base + "/none"}}); }) != 0);
  CHECK(code_of([&] { f.run(update_release, {{"location", "ftp://x/y"}}); }) != 0);
}

TEST_CASE("leftovers of uploads are swept away and what a task still needs is not") {
  Fixture f;
  UploadFolder uploads(f.folder.path() / "uploads", f.random);
  TextReader first("one"), second("two");
  const auto needed = uploads.receive(first);
  TaskRecord record;
  record.type = "update_release";
  record.arguments = {{"path", needed.string()}};
  f.tasks.insert(record, f.now);
  const auto fresh = uploads.receive(second);
  write_file_atomically(f.folder.path() / "uploads" / "left.part", "x");
  uploads.sweep(f.tasks);
  CHECK(fs::exists(needed));
  CHECK(fs::exists(fresh));
  CHECK_FALSE(fs::exists(f.folder.path() / "uploads" / "left.part"));
  f.tasks.request_cancel(1, f.now);
  uploads.sweep(f.tasks);
  CHECK_FALSE(fs::exists(needed));
}

TEST_CASE("an upload larger than the disk is refused before its first byte") {
  struct Huge final : http::BodyReader {
    std::size_t read(std::span<char>) override { throw std::logic_error("must not be read"); }
    std::optional<std::uint64_t> length() const override { return 1ull << 60; }
  } body;
  TempDir folder;
  SystemRandom random;
  UploadFolder uploads(folder.path(), random);
  try {
    uploads.receive(body);
    FAIL("taken");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::exhausted);
  }
}
