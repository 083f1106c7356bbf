#include "director/domain/dependency_key.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"

using namespace slipway;
using namespace slipway::director;

namespace dependency_key_test {

TEST_CASE("a dependency key lists names and versions, sorted and nested") {
  const DependencyGraph graph = {
      {"app", {"1", {"ruby", "libc"}}}, {"ruby", {"2", {"zlib"}}}, {"libc", {"3", {}}}, {"zlib", {"4", {}}}};
  CHECK(dependency_key(graph, "zlib") == "[]");
  CHECK(dependency_key(graph, "app") == R"([["libc","3"],["ruby","2",[["zlib","4"]]]])");
}

TEST_CASE("another version of a distant dependency is another key") {
  DependencyGraph graph = {{"app", {"1", {"ruby"}}}, {"ruby", {"2", {"zlib"}}}, {"zlib", {"4", {}}}};
  const auto before = dependency_key(graph, "app");
  graph["zlib"].version = "5";
  CHECK(dependency_key(graph, "app") != before);
}

TEST_CASE("a graph that unfolds without end, or to no honest size, is refused") {
  CHECK_THROWS_AS(dependency_key({{"a", {"1", {"b"}}}, {"b", {"1", {"a"}}}}, "a"), Error);
  DependencyGraph doubling;
  for (int i = 0; i < 60; ++i) {
    const auto next = std::to_string(i + 1);
    doubling["l" + std::to_string(i)] = {"1", {"l" + next, "r" + next}};
    doubling["r" + std::to_string(i)] = {"1", {"l" + next, "r" + next}};
  }
  CHECK_THROWS_AS(dependency_key(doubling, "l0"), Error);
}

}  // namespace dependency_key_test
