#include "health-monitor/detect/disks.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using namespace slipway::health;
using namespace std::chrono_literals;

namespace disks_test {

using To = DiskWatch::Change::To;

Json said(const char* disk, const Json& values) { return {{"disk", {{disk, values}}}}; }
Json own(int percent) { return said("ephemeral", {{"percent", std::to_string(percent)}, {"inode_percent", "2"}, {"own", true}}); }

constexpr Instant start{1h};

std::vector<To> levels(DiskWatch& watch, const std::vector<int>& percents) {
  std::vector<To> levels;
  for (const int percent : percents)
    for (const auto& change : watch.heard("a", own(percent), start)) levels.push_back(change.to);
  return levels;
}

TEST_CASE("a disk that fills and empties is told at each line, and not again while it stays near one") {
  DiskWatch watch({});
  CHECK(levels(watch, {50, 89, 90, 92, 89, 91, 86}) == std::vector<To>{To::scarce});
  CHECK(levels(watch, {85, 97, 96, 97, 95, 84, 100, 1}) == std::vector<To>{To::ample, To::full, To::scarce, To::ample, To::full, To::ample});
}

TEST_CASE("inodes count as space does, and each disk for itself") {
  DiskWatch watch({});
  const Json vitals = {{"disk",
                        {{"system", {{"percent", "20"}, {"inode_percent", "93"}}},
                         {"ephemeral", {{"percent", "10"}, {"inode_percent", "1"}}},
                         {"persistent", {{"percent", "99"}}}}}};
  const auto changes = watch.heard("a", vitals, start);
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].disk == "system");
  CHECK(changes[0].to == To::scarce);
  CHECK(changes[0].percent == 93);
  CHECK_FALSE(changes[0].kept);
  CHECK(changes[1].disk == "persistent");
  CHECK(changes[1].to == To::full);
  CHECK(changes[1].kept);
}

TEST_CASE("only a VM's own disk that goes with it, full for long, calls for a new VM") {
  DiskWatch watch({});
  watch.heard("a", own(98), start);
  watch.heard("b", said("ephemeral", {{"percent", "100"}}), start);
  watch.heard("c", said("persistent", {{"percent", "100"}, {"own", true}}), start);
  CHECK_FALSE(watch.replaceable("a", start + 59s));
  CHECK(watch.replaceable("a", start + 60s) == "ephemeral");
  for (const auto* agent : {"b", "c", "nobody"}) CHECK_FALSE(watch.replaceable(agent, start + 1h));
  watch.heard("a", own(50), start + 2min);
  watch.heard("a", own(99), start + 3min);
  CHECK_FALSE(watch.replaceable("a", start + 3min + 59s));
  watch.keep({"b"});
  CHECK_FALSE(watch.replaceable("a", start + 1h));
}

TEST_CASE("what is no percentage of a disk is no news") {
  DiskWatch watch({});
  for (const Json& vitals :
       {Json(), Json(7), Json::array({1}), Json{{"disk", 1}}, Json{{"disk", Json::array()}}, said("ephemeral", "full"),
        said("ephemeral", {{"percent", 99}}), said("ephemeral", {{"percent", "101"}}), said("ephemeral", {{"percent", "99%"}}),
        said("ephemeral", {{"percent", "-99"}}), said("ephemeral", {{"percent", "99999999999999999999"}}),
        said("else", {{"percent", "99"}})}) {
    CAPTURE(vitals.dump());
    CHECK(watch.heard("a", vitals, start).empty());
  }
}

TEST_CASE("lines beyond a hundred are never reached") {
  DiskWatch watch({.warn_percent = 101, .full_percent = 101});
  CHECK(watch.heard("a", own(100), start).empty());
  CHECK_FALSE(watch.replaceable("a", start + 1h));
}

}  // namespace disks_test
