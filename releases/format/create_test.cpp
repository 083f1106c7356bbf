#include "releases/format/create.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "base/file.hpp"
#include "releases/format/fingerprint.hpp"
#include "releases/format/tarball.hpp"

using namespace slipway;
using namespace slipway::releases;
namespace fs = std::filesystem;

namespace create_test {

namespace {

void put(const fs::path& path, const std::string& content, unsigned mode = 0644) {
  fs::create_directories(path.parent_path());
  write_file_atomically(path, content, mode);
}

// A release directory that is in order.
struct Directory {
  TempDir folder;
  fs::path root = folder.path() / "rel";
  fs::path out = folder.path() / "out.tgz";

  Directory() {
    put(root / "config/final.yml", "name: site\n");
    put(root / "jobs/web/spec", "name: web\ntemplates: {ctl.erb: bin/ctl}\npackages: [app]\n");
    put(root / "jobs/web/monit", "check process web with pidfile /x\n");
    put(root / "jobs/web/templates/ctl.erb", "#!/bin/sh\n");
    put(root / "packages/app/spec", "name: app\ndependencies: [lib]\nfiles: [app/**/*]\n");
    put(root / "packages/app/packaging", "make\n");
    put(root / "packages/lib/spec", "name: lib\nfiles: [lib/*.tar]\n");
    put(root / "packages/lib/packaging", "make\n");
    put(root / "src/app/main.sh", "main\n", 0755);
    put(root / "src/app/deep/file", "file\n");
    put(root / "blobs/lib/lib.tar", "lib\n");
  }

  ReleaseManifest create() { return create_release({.directory = root, .version = "1.0+dev.1"}, out); }

  std::string refusal() {
    try {
      create();
      return "(accepted)";
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::invalid);
      CHECK(!fs::exists(out));
      return error.what();
    }
  }
};

bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("not in: ", text);
  return found;
}

}  // namespace

TEST_CASE("what is created can be read and verified") {
  Directory directory;
  directory.create();
  fs::create_directory(directory.folder.path() / "parts");
  const auto release = read_release(directory.out, directory.folder.path() / "parts");
  CHECK(release.manifest.name == "site");
  CHECK(release.manifest.version == "1.0+dev.1");
  CHECK(release.jobs.at("web").templates.at("ctl.erb") == "#!/bin/sh\n");
  REQUIRE(release.manifest.packages.size() == 2);
  CHECK(release.manifest.packages[0].dependencies == std::vector<std::string>{"lib"});
}

TEST_CASE("the same directory gives the same bytes, wherever and whenever") {
  Directory one, two;
  fs::last_write_time(two.root / "src/app/main.sh", fs::file_time_type::clock::now() - std::chrono::hours(1));
  one.create();
  two.create();
  CHECK(read_file(one.out) == read_file(two.out));
}

TEST_CASE("a fingerprint follows content, mode, names and dependencies") {
  const auto print = [](const std::function<void(Directory&)>& change) {
    Directory directory;
    change(directory);
    return directory.create().packages.at(0).fingerprint;
  };
  const auto first = print([](Directory&) {});
  CHECK(print([](Directory& d) { put(d.root / "src/app/main.sh", "other\n", 0755); }) != first);
  CHECK(print([](Directory& d) { put(d.root / "src/app/main.sh", "main\n", 0644); }) != first);
  CHECK(print([](Directory& d) { fs::rename(d.root / "src/app/deep/file", d.root / "src/app/deep/other"); }) != first);
  CHECK(print([](Directory& d) { put(d.root / "packages/app/spec", "name: app\nfiles: [app/**/*]\n"); }) != first);
  CHECK(print([](Directory& d) { put(d.root / "src/unrelated", "x"); }) == first);
}

TEST_CASE("a job's properties_schema.json travels with it and counts in its fingerprint") {
  const std::string draft = R"({"$schema": "https://json-schema.org/draft/2020-12/schema")";
  Directory directory;
  const auto without = directory.create();
  put(directory.root / "jobs/web/properties_schema.json", draft + "}\n");
  const auto with = directory.create();
  fs::create_directory(directory.folder.path() / "parts");
  const auto release = read_release(directory.out, directory.folder.path() / "parts");
  check_properties_schemas(release);
  REQUIRE(release.jobs.at("web").properties_schema);
  CHECK(release.jobs.at("web").properties_schema->at("$schema") == "https://json-schema.org/draft/2020-12/schema");
  put(directory.root / "jobs/web/properties_schema.json", draft + R"(, "type": "object"})");
  const auto other = directory.create();
  CHECK(with.jobs.at(0).fingerprint != without.jobs.at(0).fingerprint);
  CHECK(other.jobs.at(0).fingerprint != with.jobs.at(0).fingerprint);
}

TEST_CASE("a properties_schema.json that is none is refused when the release is made") {
  Directory directory;
  put(directory.root / "jobs/web/properties_schema.json", "{,}");
  CHECK(contains(directory.refusal(), "jobs/web/properties_schema.json: not JSON: parse error at line 1, column 2"));
  put(directory.root / "jobs/web/properties_schema.json", "[]");
  CHECK(contains(directory.refusal(), "jobs/web/properties_schema.json: is array, allowed is a JSON schema"));
  put(directory.root / "jobs/web/properties_schema.json",
      R"({"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"port": {"type": "strin"}}})");
  CHECK(contains(directory.refusal(), "jobs/web: properties_schema.json: #/properties/port/type: fits none"));
}

TEST_CASE("a directory tells all its problems and leaves no tarball") {
  Directory directory;
  put(directory.root / "packages/app/spec", "name: app\ndependencies: [nope]\nfiles: [missing/*]\n");
  put(directory.root / "jobs/web/spec", "name: web\ntemplates: {gone.erb: bin/ctl}\npackages: [absent]\n");
  fs::remove(directory.root / "packages/lib/packaging");
  const auto text = directory.refusal();
  CHECK(contains(text, "there is no package 'nope'"));
  CHECK(contains(text, "nothing matches 'missing/*'"));
  CHECK(contains(text, "gone.erb"));
  CHECK(contains(text, "there is no package 'absent'"));
  CHECK(contains(text, "packages/lib/packaging"));
}

TEST_CASE("a circle of packages is refused") {
  Directory directory;
  put(directory.root / "packages/lib/spec", "name: lib\ndependencies: [app]\nfiles: [lib/*.tar]\n");
  CHECK(contains(directory.refusal(), "app -> lib -> app"));
}

TEST_CASE("globs match as shells do, two stars across folders") {
  CHECK(glob_matches("a/*.deb", "a/x.deb"));
  CHECK(!glob_matches("a/*.deb", "a/b/x.deb"));
  CHECK(glob_matches("a/**/*", "a/x"));
  CHECK(glob_matches("a/**/*", "a/b/c/x"));
  CHECK(glob_matches("**", "a/b"));
  CHECK(glob_matches("a?c", "abc"));
  CHECK(!glob_matches("a?c", "a/c"));
  CHECK(!glob_matches("a/*", "b/x"));
}

}  // namespace create_test
