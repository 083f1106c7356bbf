#include "base/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"

using namespace slipway;

namespace random_test {

TEST_CASE("the same seed gives the same sequence") {
  SeededRandom a(7), b(7), c(8);
  const auto first = a.next();
  CHECK(first == b.next());
  CHECK(first != c.next());
}

TEST_CASE("a UUID has version 4 and its variant") {
  SystemRandom random;
  const auto id = random.uuid();
  REQUIRE(id.size() == 36);
  CHECK(id[14] == '4');
  CHECK(std::string("89ab").find(id[19]) != std::string::npos);
  CHECK(id.find_first_not_of("0123456789abcdef-") == std::string::npos);
  for (const auto dash : {8, 13, 18, 23}) CHECK(id[static_cast<std::size_t>(dash)] == '-');
  CHECK(id != random.uuid());
}

TEST_CASE("numbers below a bound reach every value and never the bound") {
  SeededRandom random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.below(5));
  CHECK(seen == std::set<std::uint64_t>{0, 1, 2, 3, 4});
  CHECK(random.below(1) == 0);
  CHECK_THROWS_AS(random.below(0), Error);
}

TEST_CASE("random text uses its alphabet only") {
  SystemRandom random;
  const auto text = random.text(200, "ab");
  CHECK(text.size() == 200);
  CHECK(text.find_first_not_of("ab") == std::string::npos);
  CHECK(random.hex(16).size() == 32);
  CHECK_THROWS_AS(random.text(1, ""), Error);
}

}  // namespace random_test
