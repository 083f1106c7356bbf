#include "director/tasks/recurring_tasks.hpp"

#include <doctest/doctest.h>

#include <atomic>

#include "director/store/fixture.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace std::chrono_literals;

namespace recurring_tasks_test {

namespace {

struct RecurringFixture : StoreFixture {
  SystemClock system_clock;
  Tasks tasks{db, (folder.path() / "tasks").string()};
  TaskQueue queue{tasks, system_clock, Log::discard(), {.director_id = "d1"}};
  std::mutex mutex;
  std::condition_variable changed;
  int asked = 0;
  bool has_work = true;

  RecurringFixture() {
    queue.register_type("care", [](TaskContext&) { return std::string(); });
  }
  RecurringTask care(std::chrono::seconds every) {
    return {"care", "take care", every, [this] {
              std::lock_guard lock(mutex);
              ++asked;
              changed.notify_all();
              return has_work;
            }};
  }
  bool wait_until_asked(int times) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, [&] { return asked >= times; });
  }
};

}  // namespace

TEST_CASE("a recurring task is made when its time has come, but not while the last one waits or runs") {
  RecurringFixture f;
  ManualClock clock;  // its waits end at once, and time has passed then
  const auto began = clock.monotonic();
  {
    RecurringTasks recurring(f.queue, f.tasks, clock, Log::discard(), {f.care(300s)});
    REQUIRE(f.wait_until_asked(4));
  }
  CHECK(clock.monotonic() - began >= 4 * 300s);
  // The queue was never started, so the first still waits.
  REQUIRE(f.tasks.list({.limit = 10, .include_internal = true}).size() == 1);
  const auto task = f.tasks.list({.limit = 10, .include_internal = true}).at(0);
  CHECK(task.type == "care");
  CHECK(task.user == "scheduler");
}

TEST_CASE("no task is made where there is no work, and one that cannot be made does not end the others") {
  RecurringFixture f;
  f.has_work = false;
  ManualClock clock;
  RecurringTask unknown{"unknown", "nobody can do that", 100s, [] { return true; }};
  {
    RecurringTasks recurring(f.queue, f.tasks, clock, Log::discard(), {unknown, f.care(100s)});
    REQUIRE(f.wait_until_asked(3));
  }
  CHECK(f.tasks.list({.limit = 10, .include_internal = true}).empty());
}

}  // namespace recurring_tasks_test
