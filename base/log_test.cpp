#include "base/log.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <thread>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"

using namespace slipway;

namespace log_test {

namespace {

std::vector<Json> lines_of(const std::filesystem::path& path) {
  std::vector<Json> lines;
  std::istringstream in(read_file(path));
  for (std::string line; std::getline(in, line);) lines.push_back(parse_json(line, "log"));
  return lines;
}

}  // namespace

TEST_CASE("a log line is one JSON object with its fields") {
  const TempDir folder;
  const auto path = folder.path() / "log";
  const auto log = Log::to("director", path.string(), "info");
  log.debug("not.written");
  log.warn("agent.silent", {{"vm", "vm-\"1\"\n"}, {"silent_s", "61"}});
  const auto lines = lines_of(path);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["level"] == "warn");
  CHECK(lines[0]["component"] == "director");
  CHECK(lines[0]["event"] == "agent.silent");
  CHECK(lines[0]["vm"] == "vm-\"1\"\n");
  CHECK(lines[0]["silent_s"] == "61");
  CHECK_NOTHROW(parse_rfc3339(lines[0]["time"].get<std::string>()));
}

TEST_CASE("a field cannot replace what every line has, and broken UTF-8 is no obstacle") {
  const TempDir folder;
  const auto path = folder.path() / "log";
  Log::to("d", path.string()).error("e", {{"level", "x"}, {"bytes", "\xff{}%n"}});
  const auto lines = lines_of(path);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["level"] == "error");
  CHECK(lines[0]["level_"] == "x");
  CHECK(lines[0]["bytes"] == "\xEF\xBF\xBD{}%n");
}

TEST_CASE("lines of several threads do not mix") {
  const TempDir folder;
  const auto path = folder.path() / "log";
  const auto log = Log::to("d", path.string());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) log.info("tick", {{"i", std::to_string(i)}});
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(lines_of(path).size() == 200);
}

TEST_CASE("an unknown level or a path that cannot be opened is refused") {
  CHECK_THROWS_AS(Log::to("d", "", "loud"), Error);
  CHECK_THROWS_AS(Log::to("d", "/proc/no/such/place"), Error);
  CHECK_NOTHROW(Log::discard().error("e"));
}

}  // namespace log_test
