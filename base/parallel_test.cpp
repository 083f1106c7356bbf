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

TEST_CASE("work ahead is done once each, whoever comes first to it, and fails where it is asked for") {
  for (const std::size_t threads : {0, 1, 4}) {
    CAPTURE(threads);
    std::vector<std::atomic<int>> done(50);
    WorkAhead work(done.size(), threads, [&](std::size_t i) {
      ++done[i];
      if (i == 30) throw std::runtime_error("thirtieth");
    });
    for (std::size_t i = 0; i < done.size(); ++i) {
      if (i == 30) {
        CHECK_THROWS_WITH(work.finish(i), "thirtieth");
      } else {
        work.finish(i);
      }
      CHECK(done[i] == 1);
    }
    work.finish(0);
    CHECK(done[0] == 1);
  }
}

TEST_CASE("work that is asked for waits for no other, and what nobody asks for is left where nobody works ahead") {
  std::atomic<int> done = 0;
  std::latch first(1), end(1);
  {
    WorkAhead work(1000, 1, [&](std::size_t i) {
      ++done;
      if (i > 0) return;
      first.count_down();
      end.wait();
    });
    first.wait();
    work.finish(999);  // it need not wait for the others
    CHECK(done == 2);
    end.count_down();
  }
  { const WorkAhead none(1000, 0, [&](std::size_t) { FAIL("nobody has asked for it"); }); }
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
