#include "director/api/text_diff.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"

using namespace slipway;
using namespace slipway::director;

namespace text_diff_test {

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
  const std::string before = "name: web\ninstance_groups:\n- {instances: 1, name: a}\n- {instances: 1, name: b}\n";
  const std::string after = "name: web\ninstance_groups:\n- {instances: 1, name: a}\n- {instances: 2, name: b}\n";
  const auto diff = document_diff(before, after, "manifest");
  const Json expected = Json::array({Json::array({"instance_groups:", nullptr}), Json::array({"- name: b", nullptr}),
                                     Json::array({"  instances: 1", "removed"}),
                                     Json::array({"  instances: 2", "added"})});
  CHECK(diff == expected);
}

TEST_CASE("equal documents have an empty diff, however they are laid out") {
  CHECK(document_diff("a: 1\nb: [2]\n", "{b: [2], a: 1}\n", "manifest") == Json::array());
}

TEST_CASE("values of properties are hidden, keys and the rest are not") {
  const auto diff = document_diff("",
                                  "name: web\njobs:\n- {name: j, properties: {password: x, list: [1]}}\n"
                                  "env: {bosh: {password: y}}\n",
                                  "manifest", true);
  std::string text;
  for (const auto& line : diff) text += line.at(0).get<std::string>() + "\n";
  CHECK(text.find("name: web") != std::string::npos);
  CHECK(text.find("password: \"<redacted>\"\n") != std::string::npos);
  CHECK(text.find("- \"<redacted>\"\n") != std::string::npos);
  for (const char* secret : {"x", "1", "y"}) CHECK(text.find(std::string(": ") + secret) == std::string::npos);
}

TEST_CASE("that a hidden value changed is shown, and not from what to what") {
  const auto diff =
      document_diff("properties: {a: old, b: same}\n", "properties: {a: new, b: same}\n", "manifest", true);
  const Json expected = Json::array({Json::array({"properties:", nullptr}),
                                     Json::array({"  a: \"<redacted>\"", "removed"}),
                                     Json::array({"  a: \"<redacted>\"", "added"})});
  CHECK(diff == expected);
}

}  // namespace text_diff_test
