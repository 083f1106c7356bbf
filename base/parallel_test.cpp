#include "base/parallel.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <vector>

using namespace slipway;

namespace parallel_test {

TEST_CASE("every index is visited exactly once") {
  std::vector<std::atomic<int>> visits(1000);
  parallel_for(visits.size(), 8, [&](std::size_t i) { ++visits[i]; });
  for (const auto& count : visits) CHECK(count == 1);
  parallel_for(0, 8, [](std::size_t) { FAIL("there is nothing to do"); });
}

TEST_CASE("no more than the permitted number run at once") {
  std::atomic<int> running = 0, most = 0;
  parallel_for(200, 3, [&](std::size_t) {
    const int now = ++running;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    --running;
  });
  CHECK(most <= 3);
  std::size_t in_order = 0;
  parallel_for(10, 0, [&](std::size_t i) { CHECK(i == in_order++); });
}

TEST_CASE("after an exception nothing new is started and the exception arrives") {
  std::atomic<int> started = 0;
  const auto action = [&](std::size_t i) {
    ++started;
    if (i == 3) throw std::runtime_error("third");
  };
  CHECK_THROWS_WITH(parallel_for(100'000, 2, action), "third");
  CHECK(started < 100'000);
}

TEST_CASE("a pool runs everything that was queued before it ends") {
  std::atomic<int> done = 0;
  {
    ThreadPool pool(4);
    for (int i = 0; i < 500; ++i) CHECK(pool.try_submit([&] { ++done; }));
  }
  CHECK(done == 500);
}

TEST_CASE("a full queue refuses instead of growing") {
  std::latch busy(1), release(1);
  ThreadPool pool(1, 2);
  REQUIRE(pool.try_submit([&] {
    busy.count_down();
    release.wait();
  }));
  busy.wait();
  CHECK(pool.try_submit([] {}));
  CHECK(pool.try_submit([] {}));
  CHECK_FALSE(pool.try_submit([] {}));
  release.count_down();
}

}  // namespace parallel_test
