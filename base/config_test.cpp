#include "base/config.hpp"

#include <doctest/doctest.h>

#include "base/file.hpp"

using namespace slipway;

namespace config_test {

namespace {

Config sample() {
  return Config::from(parse_json(R"({"listen": "0.0.0.0", "tls": {"key_file": "key.pem"}, "workers": 4,
                                     "debug": true, "tags": ["a"], "extra": {"any": {"shape": 1}}})", "t"),
                      "/etc/slipway/d.yml");
}

std::string problems_of(Config& config) {
  try {
    config.finish();
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("settings are read by dotted key and paths are relative to the file") {
  auto in = sample();
  CHECK(in.string("listen", "127.0.0.1", "h") == "0.0.0.0");
  CHECK(in.path("tls.key_file", "h") == "/etc/slipway/key.pem");
  CHECK(in.path("tls.ca_file", "/etc/ca.pem", "h") == "/etc/ca.pem");
  CHECK(in.path("tls.crl_file", "", "h").empty());
  CHECK(in.integer("workers", 2, 1, 64, "h") == 4);
  CHECK(in.boolean("debug", false, "h"));
  CHECK(in.strings("tags", {}, "h") == std::vector<std::string>{"a"});
  CHECK(in.value("extra", Json::object(), "h")["any"]["shape"] == 1);
  CHECK_NOTHROW(in.finish());
}

TEST_CASE("all problems of a file are reported at once") {
  auto in = Config::from(parse_json(R"({"a": 1, "workers": 900, "tls": 5, "typo": 1, "b": {"c": 1, "typo": 2}})", "t"), "d.yml");
  in.string("a", "", "h");
  in.string("needed", "what it is");
  in.integer("workers", 2, 1, 64, "h");
  in.string("tls.key", "", "h");
  in.integer("b.c", 0, 0, 9, "h");
  const auto text = problems_of(in);
  CHECK(text.find("a: must be text") != std::string::npos);
  CHECK(text.find("needed: is required: what it is") != std::string::npos);
  CHECK(text.find("workers: must be a whole number from 1 to 64") != std::string::npos);
  CHECK(text.find("tls: must be a mapping") != std::string::npos);
  CHECK(text.find("\n- typo: unknown key") != std::string::npos);
  CHECK(text.find("\n- b.typo: unknown key") != std::string::npos);
  CHECK(text.find("6 problems") != std::string::npos);
}

TEST_CASE("a YAML file is loaded and an empty one has no settings") {
  const TempDir folder;
  const auto path = (folder.path() / "d.yml").string();
  write_file_atomically(path, "# nothing\n");
  auto empty = Config::load(path);
  CHECK(empty.string("a", "x", "h") == "x");
  CHECK_NOTHROW(empty.finish());
  write_file_atomically(path, "a: [1\n");
  CHECK_THROWS_AS(Config::load(path), Error);
  write_file_atomically(path, "- a\n");
  auto list = Config::load(path);
  CHECK(problems_of(list) == path + ": must be a mapping of keys to values");
  CHECK_THROWS_AS(Config::load(path + ".missing"), Error);
}

TEST_CASE("a description reads nothing and lists every key") {
  auto in = Config::describing();
  CHECK(in.string("name", "the name").empty());
  CHECK(in.integer("workers", 2, 1, 64, "threads | tasks") == 2);
  CHECK_NOTHROW(in.finish());
  const auto page = in.reference_markdown("Director");
  CHECK(page.starts_with("# Director\n"));
  CHECK(page.find("| `name` | `(required)` | the name |") != std::string::npos);
  CHECK(page.find("| `workers` | `2` | threads \\| tasks (1 to 64) |") != std::string::npos);
}

}  // namespace config_test
