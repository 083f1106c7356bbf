#include "director/domain/cpi_config.hpp"

#include <doctest/doctest.h>

#include "base/yaml.hpp"

using namespace slipway;
using namespace slipway::director;

namespace cpi_config_test {

namespace {

CpiConfig parse(const std::string& yaml) { return parse_cpi_config({{"default", parse_yaml(yaml, "cpi config")}}); }

std::pair<int, std::string> refusal(const std::string& yaml) {
  try {
    parse(yaml);
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {0, ""};
}

}  // namespace

TEST_CASE("a CPI has the program of its type unless it names one, and answers to its former names") {
  const auto config = parse(
      "cpis:\n- {name: east, type: vsphere, properties: {host: h}, migrated_from: [{name: ''}, {name: old}]}\n"
      "- {name: west, type: vsphere, exec_path: /opt/cpi}\n");
  REQUIRE(config.cpis.size() == 2);
  CHECK(config.cpis[0].exec_path == "/var/vcap/jobs/vsphere_cpi/bin/cpi");
  CHECK(config.cpis[1].exec_path == "/opt/cpi");
  CHECK(config.find("old") == &config.cpis[0]);
  CHECK(config.find("") == &config.cpis[0]);
  CHECK(config.find("west") == &config.cpis[1]);
  CHECK(config.find("north") == nullptr);
}

TEST_CASE("named CPI configs are one") {
  const auto content = [](const std::string& name) { return parse_yaml("cpis: [{name: " + name + ", type: t}]", "x"); };
  CHECK(parse_cpi_config({{"a", content("one")}, {"b", content("two")}}).cpis.size() == 2);
  CHECK_THROWS_AS(parse_cpi_config({{"a", content("one")}, {"b", content("one")}}), Error);
}

TEST_CASE("what is wrong with a CPI config is told with its place and BOSH's code") {
  struct Case {
    std::string yaml;
    int code;
    std::string says;
  };
  for (const auto& one : std::vector<Case>{
           {"cpis: [{type: t}]", 40001, "cpis[0].name"},
           {"cpis: [{name: a}]", 40001, "cpis[0].type"},
           {"{}", 40001, "cpis"},
           {"cpis: {}", 40000, "cpis"},
           {"cpis: [{name: a, type: t, properties: []}]", 40000, "cpis[0].properties"},
           {"cpis: [{name: a, type: t, migrated_from: [{}]}]", 40001, "cpis[0].migrated_from[0].name"},
           {"cpis: [{name: a, type: t}, {name: a, type: t}]", 550000, "'a'"},
           {"cpis: [{name: a, type: t}, {name: b, type: t, migrated_from: [{name: a}]}]", 550000, "'a'"}}) {
    CAPTURE(one.yaml);
    const auto [code, text] = refusal(one.yaml);
    CHECK(code == one.code);
    CHECK(text.find(one.says) != std::string::npos);
  }
}

TEST_CASE("properties may be a placeholder before their value is known") {
  CHECK(parse("cpis: [{name: a, type: t, properties: ((/secret))}]").cpis.size() == 1);
}

}  // namespace cpi_config_test
