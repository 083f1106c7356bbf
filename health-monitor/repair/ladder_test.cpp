#include "health-monitor/repair/ladder.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using namespace slipway::health;
using namespace std::chrono_literals;

namespace ladder_test {

namespace {

const Instant start{1h};
const LadderSettings settings;

}  // namespace

TEST_CASE("a silent VM is rebooted first and replaced next; one that is missing is replaced at once") {
  Lineage lineage;
  CHECK(lineage.next_rung(settings, Trouble::missing) == Rung::replace);
  CHECK(lineage.next_rung(settings, Trouble::full) == Rung::replace);
  CHECK(lineage.next_rung(settings, Trouble::silent) == Rung::reboot);
  CHECK(lineage.next_rung(settings, Trouble::failing) == Rung::reboot);
  lineage.begun(Rung::reboot);
  lineage.ended(settings, start);
  CHECK(lineage.next_rung(settings, Trouble::silent) == Rung::replace);
  CHECK(lineage.not_before() == start);  // another remedy does not wait
}

TEST_CASE("the last rung is tried again with pauses that double up to a limit") {
  Lineage lineage;
  lineage.begun(Rung::reboot);
  lineage.ended(settings, start);
  std::vector<Duration> pauses;
  for (int i = 0; i < 9; ++i) {
    lineage.begun(Rung::replace);
    lineage.ended(settings, start);
    pauses.push_back(lineage.not_before() - start);
  }
  CHECK(pauses == std::vector<Duration>{30s, 1min, 2min, 4min, 8min, 16min, 30min, 30min, 30min});
}

TEST_CASE("trouble soon after a repair goes on where the last one ended, after long health it begins anew") {
  Lineage lineage;
  lineage.begun(Rung::reboot);
  lineage.ended(settings, start);
  lineage.healthy(start + 1min);
  lineage.troubled(settings, start + 5min);
  CHECK(lineage.attempts() == 1);
  CHECK(lineage.next_rung(settings, Trouble::silent) == Rung::replace);
  lineage.healthy(start + 6min);
  lineage.troubled(settings, start + 16min);
  CHECK(lineage.attempts() == 0);
  CHECK(lineage.next_rung(settings, Trouble::silent) == Rung::reboot);
}

}  // namespace ladder_test
