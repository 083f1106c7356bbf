#include <doctest/doctest.h>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "director/executor/export_release.hpp"
#include "releases/format/manifest.hpp"
#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace slipway::director;

namespace {

struct ExportWorld : DirectorWorld {
  int compiled = 0;

  ExportWorld() {
    agents.compile = [this, compile = agents.compile](const std::string& package, const std::string& blob) {
      ++compiled;
      return compile(package, blob);
    };
  }

  // {blobstore_id, sha1} as the client reads them.
  Json export_app(ExportRequest request = {}) {
    request.deployment = "dep";
    if (request.release.empty()) request.release = "app";
    if (request.version.empty()) request.version = "1.0";
    if (request.stemcell_os.empty()) request.stemcell_os = "debian";
    if (request.stemcell_version.empty()) request.stemcell_version = "1.0";
    results.clear();
    run(0, [&](TaskContext& context) { export_release(services, context, request); });
    return Json::parse(results.at(0));
  }

  // The exported tarball, as a client has it on its disk.
  std::string download(const Json& exported) {
    const auto path = folder.path() / (exported["blobstore_id"].get<std::string>() + ".tgz");
    std::filesystem::copy_file(blobs.path(BlobId{exported["blobstore_id"]}), path);
    verify_file(path.string(), MultiDigest::parse(exported["sha1"].get<std::string>()));
    return path.string();
  }

  // The release is gone, and comes back as nothing but its compiled packages.
  void replace_by_compiled() {
    const auto tarball = download(export_app());
    remove("dep", true);
    run_artifact(delete_release, {{"name", "app"}});
    REQUIRE_FALSE(stores.releases.find("app", "1.0"));
    run_artifact(update_release, {{"path", tarball}});
    compiled = 0;
  }
};

std::string with_stemcell(const std::string& manifest, const std::string& version) {
  auto text = manifest;
  const std::string any = "os: debian, version: latest";
  return text.replace(text.find(any), any.size(), "os: debian, version: '" + version + "'");
}

}  // namespace

TEST_CASE("an exported release, uploaded after the release was deleted, deploys without compiling") {
  ExportWorld world;
  world.deploy(simple_manifest(1));
  world.replace_by_compiled();
  CHECK(world.stores.releases.find("app", "1.0")->packages.at(0).blob.empty());
  world.deploy(simple_manifest(2));
  CHECK(world.compiled == 0);
  CHECK(world.agents.job_state(world.vm("server", 1).agent) == "running");
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("an export compiles what is missing, and only that, and leaves no VM") {
  ExportWorld world;
  world.deploy(simple_manifest(1));
  world.add_stemcell("2.0");
  world.compiled = 0;
  world.export_app({.stemcell_version = "2.0"});
  CHECK(world.compiled == 2);
  world.export_app({.stemcell_version = "2.0"});
  CHECK(world.compiled == 2);
  CHECK(world.cloud.vms().size() == 1);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("the same export gives the same bytes, and the digest that was asked for") {
  ExportWorld world;
  world.deploy(simple_manifest(1));
  const auto first = world.export_app(), second = world.export_app({.sha256 = true});
  CHECK(first["blobstore_id"] != second["blobstore_id"]);
  CHECK(first["sha1"].get<std::string>().size() == 40);
  CHECK(second["sha1"] == sha256_of_file(world.download(first)));
  CHECK(world.stores.exported_releases.all().size() == 2);
}

TEST_CASE("an export of some jobs holds them and the packages they need") {
  ExportWorld world;
  world.deploy(simple_manifest(1));
  ArchiveReader reader(world.download(world.export_app({.jobs = {"server"}})));
  std::vector<std::string> names;
  std::string manifest;
  for (ArchiveEntry entry; reader.next(entry); names.push_back(entry.name))
    if (entry.name == "release.MF") manifest = reader.read_all(1 << 20);
  CHECK(names == std::vector<std::string>{"release.MF", "jobs/server.tgz", "compiled_packages/library.tgz",
                                          "compiled_packages/program.tgz"});
  const auto parsed = releases::parse_release_manifest(manifest, "release.MF");
  CHECK(parsed.compiled);
  CHECK(parsed.commit_hash == "abc");
  CHECK(parsed.packages.at(1).stemcell == "debian/1.0");
  CHECK(parsed.packages.at(1).dependencies == std::vector<std::string>{"library"});
}

TEST_CASE("an export says which of deployment, release, stemcell or job it does not know") {
  ExportWorld world;
  world.deploy(simple_manifest(1));
  ReleaseRecord other{.name = "other", .version = "1", .commit_hash = "x"};
  world.stores.releases.insert(other, world.clock.now());
  CHECK(code_of([&] { world.export_app({.release = "none"}); }) == 30005);
  CHECK(code_of([&] { world.export_app({.version = "9"}); }) == 30006);
  CHECK(code_of([&] { world.export_app({.release = "other", .version = "1"}); }) == 30011);
  CHECK(code_of([&] { world.export_app({.stemcell_version = "9"}); }) == 50003);
  CHECK(code_of([&] { world.export_app({.jobs = {"nobody"}}); }) == 140029);
  CHECK(world.stores.exported_releases.all().empty());
}

TEST_CASE("packages without source serve other stemcells of the same major version, and no others") {
  ExportWorld world;
  world.deploy(simple_manifest(1));
  world.replace_by_compiled();
  world.add_stemcell("1.7");
  world.add_stemcell("2.0");
  world.deploy(with_stemcell(simple_manifest(1), "1.7"));
  CHECK(world.compiled == 0);
  CHECK(code_of([&] { world.deploy(with_stemcell(simple_manifest(1), "2.0")); }) == 60001);
  CHECK(world.compiled == 0);
}

TEST_CASE("exported_from takes exactly the stemcells it names") {
  ExportWorld world;
  world.deploy(simple_manifest(1));
  world.add_stemcell("1.7");
  const auto from = [&](const std::string& version) {
    auto text = with_stemcell(simple_manifest(1), "1.7");
    const std::string release = "{name: app, version: latest}";
    return text.replace(text.find(release), release.size(),
                        "{name: app, version: latest, exported_from: [{os: debian, version: '" + version + "'}]}");
  };
  world.compiled = 0;
  CHECK(code_of([&] { world.deploy(from("1.7")); }) == 430003);
  world.deploy(from("1.0"));
  CHECK(world.compiled == 0);
}

TEST_CASE("compiled packages that are here already need not come along, and a renewed source drops them") {
  ExportWorld world;
  world.deploy(simple_manifest(1));
  const auto tarball = world.download(world.export_app());
  const auto thin = (world.folder.path() / "thin.tgz").string();
  {
    ArchiveReader reader(tarball);
    ArchiveWriter writer(thin);
    for (ArchiveEntry entry; reader.next(entry);)
      if (entry.name != "compiled_packages/program.tgz") writer.add(entry.name, reader.read_all(1 << 20));
    writer.finish();
  }
  const auto before = world.stores.releases.all_compiled().size();
  world.run_artifact(update_release, {{"path", thin}});
  CHECK(world.stores.releases.all_compiled().size() == before);
  CHECK_FALSE(world.stores.releases.find("app", "1.0")->packages.at(0).blob.empty());
}

TEST_CASE("a release cannot be deleted while its first deploy is under way") {
  ExportWorld world;
  int code = 0;
  world.agents.before = [&](const AgentId&, const std::string& method) {
    if (method == "compile_package_with_signed_url" && code == 0)
      code = code_of([&] { world.run_artifact(delete_release, {{"name", "app"}}); });
  };
  world.deploy(simple_manifest(1));
  CHECK(code == 30007);
}
