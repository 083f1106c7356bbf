#include "base/clock.hpp"

#include <doctest/doctest.h>

#include <thread>

#include "base/error.hpp"

using namespace slipway;
using namespace std::chrono_literals;

namespace clock_test {

TEST_CASE("a time is written and read back as RFC 3339") {
  const auto time = from_epoch_seconds(1'767'323'045);
  CHECK(to_rfc3339(time) == "2026-01-02T03:04:05Z");
  CHECK(to_director_time(time) == "2026-01-02 03:04:05 UTC");
  CHECK(parse_rfc3339("2026-01-02T03:04:05Z") == time);
}

TEST_CASE("RFC 3339 offsets and fractions are understood") {
  const auto time = from_epoch_seconds(1'767'323'045);
  CHECK(parse_rfc3339("2026-01-02T05:04:05+02:00") == time);
  CHECK(parse_rfc3339("2026-01-01t21:34:05-05:30") == time);
  CHECK(parse_rfc3339("2026-01-02T03:04:05.25z") == time + 250ms);
  CHECK(parse_rfc3339("2026-01-02T03:04:05.123456789Z") == time + 123ms);
}

TEST_CASE("what is no RFC 3339 time is refused") {
  for (const auto* text : {"", "2026", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z",
                           "2026-02-30T03:04:05Z", "2026-01-02T24:04:05Z", "2026-01-02T03:60:05Z",
                           "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05+2:00", "2026-01-02T03:04:05+24:00",
                           "2026-01-02T03:04:05Zx", "x026-01-02T03:04:05Z"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_rfc3339(text), Error);
  }
}

TEST_CASE("times before 1970 round towards the past") {
  CHECK(to_epoch_seconds(Timestamp(-1ms)) == -1);
  CHECK(to_rfc3339(Timestamp(-1ms)) == "1969-12-31T23:59:59Z");
}

TEST_CASE("a manual clock stands still until it is advanced") {
  ManualClock clock;
  const auto wall = clock.now();
  const auto steady = clock.monotonic();
  CHECK(clock.now() == wall);
  clock.advance(90s);
  CHECK(clock.now() - wall == 90s);
  CHECK(clock.monotonic() - steady == 90s);
}

TEST_CASE("sleeping on a manual clock takes no time and arrives exactly") {
  ManualClock clock;
  const auto before = clock.monotonic();
  clock.sleep_for(24h);
  CHECK(clock.monotonic() - before == 24h);
}

TEST_CASE("waiting for a past deadline does not turn a manual clock back") {
  ManualClock clock;
  clock.advance(10s);
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock lock(mutex);
  clock.wait_until(lock, condition, Instant(1s));
  CHECK(lock.owns_lock());
  CHECK(clock.monotonic() == Instant(10s));
}

TEST_CASE("a wait without a deadline on a manual clock ends by notification") {
  ManualClock clock;
  std::mutex mutex;
  std::condition_variable condition;
  bool ready = false;
  std::thread other([&] {
    const std::lock_guard guard(mutex);
    ready = true;
    condition.notify_all();
  });
  {
    std::unique_lock lock(mutex);
    while (!ready) clock.wait_until(lock, condition, Instant::max());
  }
  other.join();
  CHECK(clock.monotonic() == Instant());
}

TEST_CASE("the system clock waits until its deadline") {
  SystemClock clock;
  const auto before = clock.monotonic();
  clock.sleep_for(5ms);
  CHECK(clock.monotonic() - before >= 5ms);
}

}  // namespace clock_test
