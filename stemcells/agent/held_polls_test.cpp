#include "stemcells/agent/held_polls.hpp"

#include <doctest/doctest.h>

using namespace slipway::agent;

namespace held_polls_test {

TEST_CASE("held polls come out with their task, or when their time is up") {
  HeldPolls polls;
  const HeldPolls::Time begin{};
  const auto half = HeldPolls::patience / 2;
  CHECK_FALSE(polls.next());
  CHECK(polls.hold("a", {.reply_to = "1"}, begin));
  CHECK(polls.hold("b", {.reply_to = "2"}, begin));
  CHECK(polls.hold("a", {.reply_to = "3"}, begin + half));
  CHECK(*polls.next() == begin + HeldPolls::patience);
  const auto of_b = polls.take_of("b");
  REQUIRE(of_b.size() == 1);
  CHECK(of_b[0].reply_to == "2");
  CHECK(polls.take_expired(begin + half).empty());
  const auto expired = polls.take_expired(begin + HeldPolls::patience);
  REQUIRE(expired.size() == 1);
  CHECK(expired[0].reply_to == "1");
  CHECK(*polls.next() == begin + half + HeldPolls::patience);
}

TEST_CASE("only so many polls are held") {
  HeldPolls polls;
  int held = 0;
  while (held < 1000 && polls.hold("a", {}, {})) ++held;
  CHECK(held < 1000);
  CHECK(polls.take_of("a").size() == static_cast<std::size_t>(held));
  CHECK(polls.hold("a", {}, {}));
}

}  // namespace held_polls_test
