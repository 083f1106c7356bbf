#include "pks-api/plans/versions.hpp"

#include <doctest/doctest.h>

namespace slipway::pks::versions_test {

namespace {

Json releases(const std::vector<std::string>& versions) {
  Json entries = Json::array();
  for (const auto& version : versions) entries.push_back({{"version", version}});
  return Json::array({{{"name", "etcd"}, {"release_versions", entries}},
                      {{"name", "other"}, {"release_versions", Json::array()}}});
}

Json manifest(const Json& version) {
  return {{"releases", Json::array({{{"name", "etcd"}, {"version", version}}})},
          {"stemcells", Json::array({{{"alias", "default"}, {"os", "debian"}, {"version", "latest"}}})}};
}

const Json stemcells = Json::array({{{"name", "a"}, {"operating_system", "debian"}, {"version", "1.9"}},
                                    {{"name", "b"}, {"operating_system", "debian"}, {"version", "1.10"}},
                                    {{"name", "c"}, {"operating_system", "other"}, {"version", "7"}}});

std::string resolved(const Json& wish, const std::vector<std::string>& offered) {
  return resolve_versions(manifest(wish), releases(offered), stemcells)
      .at("releases")
      .at("etcd")
      .get<std::string>();
}

}  // namespace

TEST_CASE("latest stands for the newest version the director has, of all or of one line") {
  CHECK(resolved("latest", {"1.9", "1.10", "1.2"}) == "1.10");
  CHECK(resolved("latest", {"1.0+dev.1", "1.0"}) == "1.0+dev.1");
  CHECK(resolved("1.latest", {"2.0", "1.9", "1.10"}) == "1.10");
  CHECK(resolved("1.9", {"1.9", "1.10"}) == "1.9");
  CHECK(resolved(7, {"7"}) == "7");
  CHECK(resolve_versions(manifest("latest"), releases({"1"}), stemcells).at("stemcells").at("default") ==
        "1.10");
}

TEST_CASE("all that the director lacks is told at once") {
  CHECK_THROWS_WITH_AS(resolve_versions(manifest("3.latest"), releases({"2.0"}), Json::array()),
                       doctest::Contains("no version '3.latest'"), Error);
  CHECK_THROWS_WITH_AS(resolve_versions(manifest("latest"), Json::array(), Json::array()),
                       doctest::Contains("stemcell 'default'"), Error);
}

TEST_CASE("versions take the place of what a manifest says") {
  auto changed = manifest("latest");
  apply_versions(changed, {{"releases", {{"etcd", "1.2"}}}, {"stemcells", Json::object()}});
  CHECK(changed.at("releases")[0].at("version") == "1.2");
  CHECK(changed.at("stemcells")[0].at("version") == "latest");
}

TEST_CASE("a minor version is read off a version of Kubernetes") {
  CHECK(minor_of("1.34.2") == 34);
  CHECK(minor_of("v1.9") == 9);
  for (const auto* none : {"", "1", "latest", "1.x"}) CHECK(minor_of(none) == -1);
}

}  // namespace slipway::pks::versions_test
