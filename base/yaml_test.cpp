#include "base/yaml.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace slipway;

namespace yaml_test {

namespace {

Json parse(std::string_view text, YamlLimits limits = {}) { return parse_yaml(text, "doc", limits); }

std::string failure_of(std::string_view text, YamlLimits limits = {}) {
  try {
    (void)parse_yaml(text, "doc", limits);
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("mappings, lists and scalars become JSON") {
  const auto value = parse("name: etcd\ninstances: 3\nazs: [z1, z2]\nnetworks:\n- {name: default}\n- name: b\n  x: |\n    two\n    lines\n");
  CHECK(value["name"] == "etcd");
  CHECK(value["instances"] == 3);
  CHECK(value["azs"] == Json::array({"z1", "z2"}));
  CHECK(value["networks"][1]["x"] == "two\nlines\n");
  CHECK(parse("") == nullptr);
  CHECK(parse("# only a comment\n") == nullptr);
  CHECK(parse("---\n...\n") == nullptr);
}

TEST_CASE("plain scalars have the types Psych gives them") {
  const std::pair<const char*, Json> cases[] = {
      {"yes", true},        {"No", false},         {"on", true},         {"OFF", false},
      {"true", true},       {"False", false},      {"y", "y"},           {"n", "n"},
      {"~", nullptr},       {"null", nullptr},     {"NULL", nullptr},    {"nUlL", nullptr},
      {"0", 0},             {"-0", 0},             {"12", 12},           {"+12", 12},
      {"-12", -12},         {"1_000", 1000},       {"1,000", 1000},      {"0644", 420},
      {"0x1F", 31},         {"-0x1f", -31},        {"0b101", 5},         {"08", "08"},
      {"0o17", "0o17"},     {"1_", "1_"},          {"1.5", 1.5},         {"-1.5", -1.5},
      {"1.", 1.0},          {".5", 0.5},           {"1.5e+3", 1500.0},   {"1e3", "1e3"},
      {"1.5e3", "1.5e3"},   {"1.2.3", "1.2.3"},    {".", "."},           {"-", nullptr},
      {"1:30", 5400},       {"1:30:15", 5415},     {"1:60", "1:60"},     {"10.0.0.1", "10.0.0.1"},
      {".inf", ".inf"},     {".nan", ".nan"},      {":sym", ":sym"},     {"2026-01-02", "2026-01-02"},
      {"0xg", "0xg"},       {"0x", "0x"},          {"12a", "12a"},       {"2026-01-02 03:04:05", "2026-01-02 03:04:05"},
      {"18446744073709551615", 18446744073709551615ull},
      {"18446744073709551616", "18446744073709551616"},
      {"-9223372036854775808", std::numeric_limits<std::int64_t>::min()},
  };
  for (const auto& [text, expected] : cases) {
    if (std::string_view(text) == "-") continue;
    CAPTURE(text);
    const auto value = parse(std::string("k: ") + text)["k"];
    CHECK(value == expected);
    CHECK(value.is_number_float() == expected.is_number_float());
  }
}

TEST_CASE("quoted and tagged scalars keep the type that was asked for") {
  CHECK(parse("'yes'") == "yes");
  CHECK(parse("\"12\"") == "12");
  CHECK(parse("!!str 12") == "12");
  CHECK(parse("!!int 12") == 12);
  CHECK(parse("!!float 12") == 12.0);
  CHECK(parse("''") == "");
  CHECK(parse(R"("\N\_é\x85")") == "\u0085\u00a0é\u0085");
  CHECK(failure_of("!ruby/object:Gem::Installer {}").find("tag") != std::string::npos);
  CHECK(failure_of("!!int twelve").find("tag") != std::string::npos);
}

TEST_CASE("keys are text as they were written") {
  const auto value = parse("yes: 1\n0644: 2\n\"q\": 3\n1.50: 4\n");
  CHECK(value == Json({{"yes", 1}, {"0644", 2}, {"q", 3}, {"1.50", 4}}));
  CHECK_FALSE(failure_of("? [a]\n: 1\n").empty());
  CHECK_FALSE(failure_of(": 1\n").empty());
}

TEST_CASE("anchors, aliases and merge keys are applied") {
  const auto value = parse(
      "base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\none:\n  y: 9\n  <<: *b\ntwo:\n  <<: [*b, *o]\nlist: [*b]\n"
      "quoted: {\"<<\": 5}\n");
  CHECK(value["one"] == Json({{"x", 1}, {"y", 9}}));
  CHECK(value["two"] == Json({{"x", 1}, {"y", 2}, {"z", 4}}));
  CHECK(value["list"][0]["y"] == 2);
  CHECK(value["quoted"]["<<"] == 5);
  CHECK(parse("&k key: *k") == Json({{"key", "key"}}));
  CHECK_FALSE(failure_of("<<: 5").empty());
  CHECK_FALSE(failure_of("a: *missing").empty());
  CHECK_FALSE(failure_of("a: &a [*a]").empty());
}

TEST_CASE("all duplicate keys are reported with their places") {
  CHECK(failure_of("a: 1\nb: 2\na: 3\nb:\n  c: 1\n  c: 2\n") ==
        "doc: 3 problems:\n- line 3, column 1: the key \"a\" stands here twice\n- line 4, column 1: the key \"b\" stands "
        "here twice\n- line 6, column 3: the key \"c\" stands here twice");
}

TEST_CASE("syntax errors name line and column") {
  CHECK(failure_of("a: 1\nb: [1\n").starts_with("doc: line "));
  CHECK_FALSE(failure_of("a: b: c").empty());
  CHECK_FALSE(failure_of("a: 1\n]\n").empty());
  CHECK_FALSE(failure_of("--- 1\n--- 2\n").empty());
  CHECK_FALSE(failure_of("a: \"\\q\"").empty());
  CHECK_FALSE(failure_of("\t- a").empty());
}

TEST_CASE("bytes that YAML forbids are refused instead of ending the document early") {
  CHECK_FALSE(failure_of("a: 1\n\x04\nb: 2\n").empty());
  CHECK_FALSE(failure_of(std::string_view("a: 1\n\0b: 2\n", 11)).empty());
  CHECK_FALSE(failure_of("a: \xff\n").empty());
}

TEST_CASE("aliases cannot blow a document up") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 9; ++k) bomb += (k == 0 ? "" : ", ") + before;
    bomb += "]\n";
  }
  CHECK(failure_of(bomb).find("too large") != std::string::npos);

  std::string wide = "t: &t \"" + std::string(1 << 20, 'x') + "\"\nl:\n";
  for (int i = 0; i < 10'000; ++i) wide += "- *t\n";
  CHECK(failure_of(wide).find("too large") != std::string::npos);

  std::string nested;
  for (int i = 0; i < 60; ++i) nested += "&n" + std::to_string(i) + " [";
  for (int i = 0; i < 20'000; ++i) nested += "1,";
  nested += std::string(60, ']');
  CHECK(failure_of(nested).find("too large") != std::string::npos);
}

TEST_CASE("limits of size and depth hold") {
  CHECK(failure_of("[1,2,3]", {.max_bytes = 6}).find("larger") != std::string::npos);
  CHECK(failure_of("[1,2,3]", {.max_nodes = 3}).find("too large") != std::string::npos);
  CHECK(parse("[[[1]]]", {.max_depth = 3}) == parse_json("[[[1]]]", "expected"));
  CHECK(failure_of("[[[[1]]]]", {.max_depth = 3}).find("deeper") != std::string::npos);
  CHECK(failure_of("a: &a [1]\nb: [[*a]]", {.max_depth = 3}).find("deeper") != std::string::npos);
  CHECK_FALSE(failure_of(std::string(100'000, '[')).empty());
  CHECK_FALSE(failure_of(std::string(100'000, '{')).empty());
  std::string dashes;
  for (int i = 0; i < 10'000; ++i) dashes += "- ";
  CHECK_FALSE(failure_of(dashes).empty());
}

TEST_CASE("text that would read as something else is quoted") {
  CHECK(to_yaml("plain text") == "plain text\n");
  for (const auto* text : {"yes", "no", "on", "Off", "true", "null", "~", "", "y", "N", "12", "1.5", "0644", "1e3",
                           "2026-01-02", "12:30", "<<", "=", "- a", "a: b", "a #b", "#a", "a:", " a", "a ", "*a", "&a",
                           "!a", "%a", "@a", "`a", "[a", "{a", "'a", "\"a", "|", ">", "?", "-", ".inf", ":a"}) {
    CAPTURE(text);
    const auto yaml = to_yaml(text);
    CHECK(yaml.front() == '"');
    CHECK(parse(yaml) == text);
  }
}

TEST_CASE("what was written is read back the same") {
  const auto value = parse_json(R"({
    "empty": {"list": [], "map": {}, "text": "", "null": null},
    "numbers": [0, -1, 18446744073709551615, 1.0, -0.5, 1e+30, 1e-10],
    "nested": [[1, [2, {"a": [3], "b": {"c": "d"}}]], {"x": {"y": []}}, [[]]],
    "text": ["a\nb", "a\nb\n", "a\n\nb\n\n", "\na", " a\nb", "a \nb", "tab\there", "\r\n", "\u0000\u0001\u007f", "\u0085\u2028\ufeff",
             "ünïcode 🚀", "-----BEGIN X-----\nabc=\n-----END X-----\n", "a: b\n- c\n# d\n", "\n", "# x\ny"],
    "12": 1, "yes": 2, "<<": {"x": 1}, "a: b": 3, "": 4, "two\nlines": 5
  })", "expected");
  CHECK(parse(to_yaml(value)) == value);
  const Json long_key = {{std::string(3000, 'k'), {{"a", 1}}}, {"z", {{std::string(2000, 'q'), Json::array({1})}}}};
  CHECK(parse(to_yaml(long_key)) == long_key);
}

TEST_CASE("an item of a list begins with its name") {
  CHECK(to_yaml(Json::array({{{"azs", 1}, {"name", "web"}}})) == "- name: web\n  azs: 1\n");
}

TEST_CASE("a certificate stays readable") {
  CHECK(to_yaml({{"ca", "-----BEGIN-----\nabc\n-----END-----\n"}, {"list", {"a", "b"}}}) ==
        "ca: |\n  -----BEGIN-----\n  abc\n  -----END-----\nlist:\n- a\n- b\n");
}

}  // namespace yaml_test
