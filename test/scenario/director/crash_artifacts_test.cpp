#include <doctest/doctest.h>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "director/uploads/stemcell_intake.hpp"
#include "releases/format/create.hpp"
#include "test/scenario/director/crash_checks.hpp"

using namespace slipway;
using namespace slipway::test;
namespace fs = std::filesystem;

namespace crash_artifacts_test {

namespace {

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  write_file_atomically(file, text);
}

// Release "tiny" with one job and one package, as its tarball.
void write_release(const fs::path& tarball) {
  const TempDir source("tiny");
  const auto& folder = source.path();
  write(folder / "config/final.yml", "name: tiny\n");
  write(folder / "jobs/web/spec", "name: web\ntemplates: {ctl: bin/ctl}\npackages: [lib]\nproperties: {}\n");
  write(folder / "jobs/web/monit", "check process web\n");
  write(folder / "jobs/web/templates/ctl", "echo 1\n");
  write(folder / "packages/lib/spec", "name: lib\ndependencies: []\nfiles: []\n");
  write(folder / "packages/lib/packaging", "true\n");
  releases::create_release({.directory = folder, .version = "1", .commit_hash = "abc"}, tarball);
}

Json release_request(DirectorWorld& world, bool fix) {
  write_release(upload_of(world));
  return {{"path", upload_of(world).string()}, {"fix", fix}};
}

class FileBody final : public http::BodyReader {
 public:
  explicit FileBody(const fs::path& file) : in_(file, std::ios::binary) {}
  std::size_t read(std::span<char> buffer) override {
    in_.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    return static_cast<std::size_t>(in_.gcount());
  }
  std::optional<std::uint64_t> length() const override { return std::nullopt; }

 private:
  std::ifstream in_;
};

// What came with the request, as the API leaves it for the task.
Json stemcell_request(DirectorWorld& world, const std::string& version) {
  const auto tarball = world.folder.path() / "stemcell.tgz";
  ArchiveWriter writer(tarball);
  writer.add("stemcell.MF", "name: simulated-debian\nversion: '" + version +
                                "'\noperating_system: debian\nsha1: " + sha1_hex("image") +
                                "\napi_version: 3\ncloud_properties: {}\n");
  writer.add("image", "image");
  writer.finish();
  fs::create_directory(upload_of(world));
  FileBody body(tarball);
  director::StemcellIntake::receive(body, upload_of(world), {});
  return {{"path", upload_of(world).string()}};
}

std::function<Findings(DirectorWorld&)> tiny_is_there() {
  return [](DirectorWorld& world) {
    Findings missed;
    const auto release = world.stores.releases.find("tiny", "1");
    if (!release || release->jobs.size() != 1 || release->packages.size() != 1) return Findings{"the release"};
    for (const auto& [blob, digest] : {std::pair{release->jobs[0].blob, release->jobs[0].sha1},
                                       std::pair{release->packages[0].blob, release->packages[0].sha1}}) {
      if (!world.blobs.exists(blob)) missed.push_back("blob " + blob.value);
      else verify_file(world.blobs.path(blob).string(), MultiDigest::parse(digest));
    }
    if (fs::exists(upload_of(world))) missed.push_back("the upload is still there");
    return missed;
  };
}

std::size_t stemcells_of(DirectorWorld& world, const std::string& version) {
  std::size_t count = 0;
  for (const auto& stemcell : world.stores.stemcells.all()) count += stemcell.version == version ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a release comes in whole, whenever its director dies") {
  survives_deaths({.type = "update_release",
                   .arguments = [](DirectorWorld& world) { return release_request(world, false); },
                   .missed = tiny_is_there()},
                  20);
}

TEST_CASE("a release that is repaired keeps none of its old blobs, whenever its director dies") {
  survives_deaths({.type = "update_release",
                   .arguments = [](DirectorWorld& world) { return release_request(world, true); },
                   .before =
                       [](DirectorWorld& world) {
                         world.run_artifact(director::update_release, release_request(world, false));
                         fs::remove(upload_of(world));
                       },
                   .missed = tiny_is_there()},
                  20);
}

TEST_CASE("a stemcell comes in once, whenever its director dies") {
  survives_deaths({.type = "update_stemcell",
                   .arguments = [](DirectorWorld& world) { return stemcell_request(world, "2.0"); },
                   .missed = missed_unless([](DirectorWorld& world) {
                     return stemcells_of(world, "2.0") == 1 && world.cloud.stemcells().size() == 2 &&
                            !fs::exists(upload_of(world));
                   })},
                  15);
}

TEST_CASE("a release goes with all its blobs, whenever its director dies") {
  survives_deaths({.type = "delete_release",
                   .arguments = always({{"name", "app"}, {"version", "1.0"}}),
                   .before =
                       [](DirectorWorld& world) {
                         world.deploy(simple_manifest(1));  // so that something is compiled
                         world.remove("dep", true);
                       },
                   .missed = missed_unless([](DirectorWorld& world) {
                     // But for the names that were told last.
                     return !world.stores.releases.find("app", "1.0") && world.blobs.list().size() == 1;
                   })},
                  8);
}

TEST_CASE("a stemcell goes from store and cloud, whenever its director dies") {
  survives_deaths({.type = "delete_stemcell",
                   .arguments = always({{"name", "simulated-debian"}, {"version", "2.0"}}),
                   .before = [](DirectorWorld& world) { world.add_stemcell("2.0"); },
                   .missed = missed_unless([](DirectorWorld& world) {
                     return stemcells_of(world, "2.0") == 0 && world.cloud.stemcells().size() == 1;
                   })},
                  8);
}

}  // namespace crash_artifacts_test
