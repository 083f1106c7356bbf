#include "director/api/text_diff.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"

using namespace slipway;
using namespace slipway::director;

namespace {

std::vector<std::string> side(const std::vector<DiffLine>& diff, LineStatus left_out) {
  std::vector<std::string> lines;
  for (const auto& line : diff)
    if (line.status != left_out) lines.push_back(line.text);
  return lines;
}

}  // namespace

TEST_CASE("a diff holds both texts") {
  SeededRandom random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> from, to;
    for (auto i = random.below(12); i > 0; --i) from.push_back(std::string(1, static_cast<char>('a' + random.below(4))));
    for (auto i = random.below(12); i > 0; --i) to.push_back(std::string(1, static_cast<char>('a' + random.below(4))));
    const auto diff = diff_lines(from, to);
    CHECK(side(diff, LineStatus::added) == from);
    CHECK(side(diff, LineStatus::removed) == to);
  }
}

TEST_CASE("a diff is the shortest one") {
  const auto diff = diff_lines({"a", "b", "c", "d"}, {"a", "c", "x", "d"});
  REQUIRE(diff.size() == 5);
  CHECK(diff[1].status == LineStatus::removed);
  CHECK(diff[3].status == LineStatus::added);
}

TEST_CASE("texts without anything in common cost bounded time") {
  std::vector<std::string> from, to;
  for (int i = 0; i < 20000; ++i) {
    from.push_back("a" + std::to_string(i));
    to.push_back("b" + std::to_string(i));
  }
  CHECK(diff_lines(from, to).size() == 40000);
}

TEST_CASE("changed lines are shown below the keys that lead to them") {
  const auto diff = yaml_diff("name: web\ninstance_groups:\n- name: a\n  instances: 1\n- name: b\n  instances: 1\n",
                              "name: web\ninstance_groups:\n- name: a\n  instances: 1\n- name: b\n  instances: 2\n");
  const Json expected = Json::array({Json::array({"instance_groups:", nullptr}), Json::array({"- name: b", nullptr}),
                                     Json::array({"  instances: 1", "removed"}),
                                     Json::array({"  instances: 2", "added"})});
  CHECK(diff == expected);
}

TEST_CASE("equal texts have an empty diff") { CHECK(yaml_diff("a: 1\n", "a: 1\n") == Json::array()); }

TEST_CASE("values of properties are hidden, keys and the rest are not") {
  const Json manifest = {{"name", "web"},
                         {"jobs", {{{"name", "j"}, {"properties", {{"password", "x"}, {"list", {1, 2}}}}}}},
                         {"env", {{"bosh", {{"password", "y"}}}}}};
  const auto hidden = redacted(manifest);
  CHECK(hidden.at("name") == "web");
  CHECK(hidden.at("jobs")[0].at("properties").at("password") == "<redacted>");
  CHECK(hidden.at("jobs")[0].at("properties").at("list")[1] == "<redacted>");
  CHECK(hidden.at("env").at("bosh").at("password") == "<redacted>");
}
