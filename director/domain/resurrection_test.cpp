#include "director/domain/resurrection.hpp"

#include <doctest/doctest.h>

#include "base/yaml.hpp"

using namespace slipway;
using namespace slipway::director;

namespace resurrection_test {

namespace {

std::vector<ResurrectionRule> rules(const std::string& yaml) {
  return parse_resurrection_config(parse_yaml(yaml, "config"));
}

}  // namespace

TEST_CASE("every rule that applies has to allow a resurrection") {
  const auto some = rules(
      "rules:\n"
      "- {enabled: false, include: {deployments: [a], instance_groups: [db]}}\n"
      "- {enabled: false, include: {deployments: [b]}, exclude: {instance_groups: [web]}}\n"
      "- {enabled: true}\n");
  CHECK_FALSE(resurrection_enabled(some, "a", "db"));
  CHECK(resurrection_enabled(some, "a", "web"));
  CHECK_FALSE(resurrection_enabled(some, "b", "db"));
  CHECK(resurrection_enabled(some, "b", "web"));
  CHECK(resurrection_enabled(some, "c", "db"));
  CHECK_FALSE(resurrection_enabled(rules("rules: [{enabled: false}]"), "c", "db"));
  CHECK(resurrection_enabled({}, "c", "db"));
}

TEST_CASE("what is wrong with a resurrection config is told all at once, with places") {
  CHECK_THROWS_WITH_AS(rules("other: 1"), doctest::Contains("rules"), Error);
  try {
    rules("rules:\n- {enabled: maybe}\n- {include: {deployment: [a]}, enabled: true}\n- {exclude: 3}\n");
    FAIL("accepted");
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(text.find("rules[0].enabled") != std::string::npos);
    CHECK(text.find("rules[1].include.deployment") != std::string::npos);
    CHECK(text.find("rules[2].exclude") != std::string::npos);
    CHECK(text.find("rules[2].enabled") != std::string::npos);
  }
}

}  // namespace resurrection_test
