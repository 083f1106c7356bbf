#include <doctest/doctest.h>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "releases/format/create.hpp"
#include "test/scenario/director/crash_course.hpp"

using namespace slipway;
using namespace slipway::test;

namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  write_file_atomically(path, text);
}

// Made once: a release of one job and one package, a stemcell.
class Tarballs {
 public:
  Tarballs() {
    const auto source = folder_.path() / "source";
    write(source / "config/final.yml", "name: tiny\n");
    write(source / "jobs/web/spec", "name: web\ntemplates: {ctl: bin/ctl}\npackages: [lib]\nproperties: {}\n");
    write(source / "jobs/web/monit", "check process web\n");
    write(source / "jobs/web/templates/ctl", "true\n");
    write(source / "packages/lib/spec", "name: lib\ndependencies: []\nfiles: []\n");
    write(source / "packages/lib/packaging", "true\n");
    releases::create_release({.directory = source, .version = "1", .commit_hash = "abc"}, release());
    ArchiveWriter writer(stemcell());
    writer.add("stemcell.MF", "name: debian\nversion: '2'\noperating_system: debian-12\nsha1: " + sha1_hex("image") +
                                  "\napi_version: 3\ncloud_properties: {a: 1}\n");
    writer.add("image", "image");
    writer.finish();
  }
  fs::path release() const { return folder_.path() / "release.tgz"; }
  fs::path stemcell() const { return folder_.path() / "stemcell.tgz"; }

 private:
  TempDir folder_;
};

const Tarballs& tarballs() {
  static const Tarballs made;
  return made;
}

// The task owns its file.
std::function<Json(DirectorWorld&)> uploaded(const fs::path& tarball) {
  return [tarball](DirectorWorld& world) {
    const auto own = upload_of(world);
    fs::copy_file(tarball, own);
    return Json{{"path", own.string()}};
  };
}

void undisturbed(DirectorWorld& world, const std::string& type, const Json& arguments) {
  const auto task = submit(world, type, arguments).id;
  Mortality immortal;
  DirectorLife(world, immortal, 1000).live(task);
}

std::function<Findings(DirectorWorld&)> missed_unless(std::function<bool(DirectorWorld&)> reached) {
  return [reached](DirectorWorld& world) {
    if (fs::exists(upload_of(world))) return Findings{"the uploaded file is left"};
    return reached(world) ? Findings{} : Findings{"its purpose"};
  };
}

void survives_deaths(const Scenario& scenario, int at_least) {
  Findings problems;
  const int deaths = CrashCourse(scenario).with_deaths(problems);
  MESSAGE(deaths << " deaths");
  CHECK(deaths >= at_least);
  std::string text;
  for (const auto& problem : problems) text += problem + "\n";
  CHECK(text == "");
}

bool has_release(DirectorWorld& world) {
  const auto release = world.stores.releases.find("tiny", "1");
  return release && release->jobs.size() == 1 && world.blobs.exists(release->jobs[0].blob) &&
         release->packages.size() == 1 && world.blobs.exists(release->packages[0].blob);
}

bool has_stemcell(DirectorWorld& world) {
  const auto stemcell = world.stores.stemcells.find("debian", "2", "");
  return stemcell && world.cloud.stemcells().contains(stemcell->cid) && world.cloud.stemcells().size() == 2;
}

}  // namespace

TEST_CASE("an uploaded release is taken in once, whenever its director dies") {
  survives_deaths(
      {.type = "update_release", .arguments = uploaded(tarballs().release()), .missed = missed_unless(has_release)},
      30);
}

TEST_CASE("an uploaded stemcell is taken in once, whenever its director dies") {
  survives_deaths(
      {.type = "update_stemcell", .arguments = uploaded(tarballs().stemcell()), .missed = missed_unless(has_stemcell)},
      20);
}

TEST_CASE("a deleted stemcell goes completely, whenever its director dies") {
  survives_deaths({.type = "delete_stemcell",
                   .arguments = [](DirectorWorld&) { return Json{{"name", "debian"}, {"version", "2"}}; },
                   .before = [](DirectorWorld& world) {
                     undisturbed(world, "update_stemcell", uploaded(tarballs().stemcell())(world));
                   },
                   .missed = missed_unless([](DirectorWorld& world) {
                     return !world.stores.stemcells.find("debian", "2", "") && world.cloud.stemcells().size() == 1;
                   })},
                  15);
}
