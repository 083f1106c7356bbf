#include "releases/format/manifest.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using namespace slipway::releases;

namespace manifest_test {

namespace {

const std::string digest = "sha256:" + std::string(64, 'a');

std::string package(const std::string& name, const std::string& dependencies) {
  return "- {name: " + name + ", version: f1, fingerprint: f1, sha1: '" + digest + "', dependencies: [" +
         dependencies + "]}\n";
}

std::string refusal(const std::string& yaml) {
  try {
    parse_release_manifest(yaml, "release.MF");
    return "(accepted)";
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return error.what();
  }
}

bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("not in: ", text);
  return found;
}

}  // namespace

TEST_CASE("a manifest survives being written and read") {
  ReleaseManifest manifest{.name = "etcd", .version = "1.0", .commit_hash = "0123", .uncommitted_changes = true};
  manifest.jobs.push_back({"etcd", "f1", "f1", digest});
  manifest.packages.push_back({"a", "f2", "f2", digest, {}, ""});
  manifest.packages.push_back({"b", "f3", "f3", digest, {"a"}, ""});
  const auto read = parse_release_manifest(to_yaml(manifest), "release.MF");
  CHECK(read.name == "etcd");
  CHECK(read.version == "1.0");
  CHECK(read.uncommitted_changes);
  CHECK(read.jobs.at(0).sha1 == digest);
  CHECK(read.packages.at(1).dependencies == std::vector<std::string>{"a"});
}

TEST_CASE("a version written as a number is text") {
  CHECK(parse_release_manifest("name: a\nversion: 2\n", "release.MF").version == "2");
}

TEST_CASE("all problems of a manifest are told at once") {
  const auto text = refusal("name: ../x\nversion: a b\njobs:\n- {name: j, version: 1, sha1: nonsense}\n"
                            "- {name: j, version: 1, sha1: '" + digest + "'}\npackages:\n" + package("p", "q"));
  CHECK(contains(text, "'../x'"));
  CHECK(contains(text, "'a b'"));
  CHECK(contains(text, "jobs[0].sha1"));
  CHECK(contains(text, "'j' is listed twice"));
  CHECK(contains(text, "'q' is no package of this release"));
}

TEST_CASE("packages that depend on each other in a circle are refused with the circle") {
  CHECK(contains(refusal("name: r\nversion: 1\npackages:\n" + package("a", "b") + package("b", "c") + package("c", "a")),
                 "a -> b -> c -> a"));
  CHECK(contains(refusal("name: r\nversion: 1\npackages:\n" + package("a", "a")), "a -> a"));
}

TEST_CASE("compiled packages name their stemcell") {
  const auto entry = [](const std::string& stemcell) {
    return "name: r\nversion: 1\ncompiled_packages:\n- {name: p, version: f, sha1: '" + digest + "', stemcell: " + stemcell + "}\n";
  };
  const auto manifest = parse_release_manifest(entry("debian/1.2"), "release.MF");
  CHECK(manifest.compiled);
  CHECK(manifest.packages.at(0).stemcell == "debian/1.2");
  CHECK(contains(refusal(entry("debian")), "allowed is os/version"));
}

TEST_CASE("dependencies come before dependants") {
  CHECK(dependency_order({{"a", {"c", "b"}}, {"b", {"c"}}, {"c", {}}}) == std::vector<std::string>{"c", "b", "a"});
}

}  // namespace manifest_test
