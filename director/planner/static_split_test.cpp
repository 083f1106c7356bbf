#include "director/planner/static_split.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using namespace slipway::director;

namespace static_split_test {

namespace {

Ipv4 ip(int last) { return Ipv4{0x0a000000u + static_cast<std::uint32_t>(last)}; }

std::map<std::string, int> counts(const StaticSplit& split) {
  std::map<std::string, int> out;
  for (const auto& [address, az] : split) ++out[az];
  return out;
}

}  // namespace

TEST_CASE("addresses of several AZs go where others cannot be, so that all AZs get their share") {
  const StaticChoices choices = {{ip(1), {"z1", "z2"}}, {ip(2), {"z1", "z3"}}, {ip(3), {"z1", "z3"}}};
  const auto split = split_evenly({choices}, {});
  REQUIRE(split);
  CHECK(counts(split->at(0)) == std::map<std::string, int>{{"z1", 1}, {"z2", 1}, {"z3", 1}});
  CHECK(split->at(0).at(ip(1)) == "z2");
}

TEST_CASE("an even split takes chains of moves and counts who is placed already") {
  const StaticChoices chain = {{ip(1), {"z1", "z2"}}, {ip(2), {"z1"}}, {ip(3), {"z2", "z3"}}};
  CHECK(counts(split_evenly({chain}, {})->at(0)) == std::map<std::string, int>{{"z1", 1}, {"z2", 1}, {"z3", 1}});
  const StaticChoices free = {{ip(1), {"z1", "z2"}}, {ip(2), {"z1", "z2"}}};
  CHECK(counts(split_evenly({free}, {{"z1", 2}})->at(0)) == std::map<std::string, int>{{"z2", 2}});
}

TEST_CASE("two networks are split so that each AZ gets one address of each for every instance") {
  const StaticChoices narrow = {{ip(1), {"z1"}}, {ip(2), {"z1"}}, {ip(3), {"z2"}}};
  const StaticChoices wide = {{ip(11), {"z1", "z2"}}, {ip(12), {"z1", "z2"}}, {ip(13), {"z2"}}};
  const auto split = split_evenly({wide, narrow}, {});
  REQUIRE(split);
  CHECK(counts(split->at(0)) == counts(split->at(1)));
  CHECK_FALSE(split_evenly({narrow, {{ip(11), {"z2"}}, {ip(12), {"z2"}}, {ip(13), {"z2"}}}}, {}));
  CHECK_FALSE(split_evenly({{{ip(1), {}}}}, {}));
}

}  // namespace static_split_test
