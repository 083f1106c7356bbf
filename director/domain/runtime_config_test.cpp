#include "director/domain/runtime_config.hpp"

#include <doctest/doctest.h>

#include "base/yaml.hpp"
#include "director/domain/error_codes.hpp"

using namespace slipway;
using namespace slipway::director;

namespace runtime_config_test {

namespace {

RuntimeConfig parse(const std::vector<std::string>& texts) {
  std::vector<NamedConfig> configs;
  for (const auto& text : texts) configs.push_back({"c" + std::to_string(configs.size()), parse_yaml(text, "runtime")});
  return parse_runtime_config(configs);
}

int code_of(const std::vector<std::string>& texts) {
  try {
    parse(texts);
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return error.code();
  }
  return 0;
}

}  // namespace

TEST_CASE("several runtime configs are one, and tags stand in one of them") {
  const auto runtime = parse({"releases: [{name: dns, version: '1.0'}]\naddons: [{name: a, jobs: [{name: d, release: dns}]}]\ntags: {owner: ops}",
                              "releases: [{name: dns, version: '1.0'}]\naddons: [{name: b, jobs: [{name: d, release: dns}]}]\n"
                              "variables: [{name: /ca, type: certificate}]"});
  CHECK(runtime.releases.size() == 1);
  CHECK(runtime.addons.size() == 2);
  CHECK(runtime.variables.at(0).name == "/ca");
  CHECK(runtime.tags.at("owner") == "ops");
  CHECK(code_of({"tags: {a: b}", "tags: {c: d}"}) == code::runtime_several_tags);
}

TEST_CASE("a runtime config names exact versions, one of each release") {
  CHECK(code_of({"releases: [{name: dns, version: latest}]"}) == code::runtime_release_version);
  CHECK(code_of({"releases: [{name: dns, version: 1.latest}]"}) == code::runtime_release_version);
  CHECK(code_of({"releases: [{name: dns, version: 1.0}]", "releases: [{name: dns, version: '2'}]"}) == code::duplicate_release);
}

TEST_CASE("an addon's release is listed in the runtime config and its filters are whole") {
  CHECK(code_of({"addons: [{name: a, jobs: [{name: d, release: other}]}]"}) == code::addon_release_missing);
  CHECK(code_of({"addons: [{name: a, include: {jobs: [{name: d}]}}]"}) == code::addon_filter_job);
  CHECK(code_of({"addons: [{name: a, include: {stemcell: [{}]}}]"}) == code::addon_filter_stemcell);
  CHECK(code_of({"addons: [{name: a, include: {deployments: [dep]}}]"}) == 0);
}

TEST_CASE("an addon's own properties are those of its jobs that have none") {
  const auto runtime = parse({"releases: [{name: r, version: '1'}]\naddons: [{name: a, properties: {x: 1}, jobs: "
                              "[{name: d, release: r}, {name: e, release: r, properties: {y: 2}}]}]"});
  CHECK(*runtime.addons[0].jobs[0].properties == Json({{"x", 1}}));
  CHECK(*runtime.addons[0].jobs[1].properties == Json({{"y", 2}}));
}

TEST_CASE("the manifest's tags win over the runtime config's, and a variable of both is refused") {
  const auto runtime = parse({"tags: {a: runtime, b: runtime}\nvariables: [{name: /x, type: password}]"});
  Manifest manifest;
  manifest.tags = {{"a", "manifest"}};
  add_runtime_config(runtime, manifest);
  CHECK(manifest.tags.at("a") == "manifest");
  CHECK(manifest.tags.at("b") == "runtime");
  CHECK(manifest.variables.size() == 1);
  try {
    add_runtime_config(runtime, manifest);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == code::duplicate_variable);
    CHECK(std::string(error.what()).find("/x") != std::string::npos);
  }
}

}  // namespace runtime_config_test
