#include "director/tasks/locks.hpp"

#include <doctest/doctest.h>

#include <thread>

#include "director/store/fixture.hpp"
#include "director/tasks/task_queue.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace std::chrono_literals;

namespace locks_test {

TEST_CASE("a held lock is refused after the wait and the error names the holding task, its user, its age and why") {
  StoreFixture store;
  ManualClock clock;
  Tasks tasks(store.db, store.folder.path().string());
  TaskRecord task;
  task.type = "create_deployment";
  task.description = "create deployment";
  task.user = "ops";
  const auto holder = tasks.insert(task, store.now);
  Locks locks(store.db, clock, "d1");
  const auto held = locks.acquire("lock:deployment:etcd", holder.id, 0s);
  for (int minutes = 0; minutes < 10; ++minutes) {
    clock.advance(60s);
    locks.renew_now();
  }
  const auto before = clock.monotonic();
  CHECK_THROWS_WITH_AS(locks.acquire("lock:deployment:etcd", 99, 10s),
                       "Failed to acquire lock for lock:deployment:etcd: locking task id is 1 (create deployment) of user "
                       "'ops', which has held it for 10 min",
                       Error);
  CHECK(clock.monotonic() - before >= 10s);
  CHECK_FALSE(held->lost());
}

TEST_CASE("a lock ends with its object and the next one in line gets it") {
  StoreFixture store;
  SystemClock clock;
  Locks locks(store.db, clock, "d1");
  auto held = locks.acquire("lock:release:etcd", 1, 0s);
  CHECK(locks.all().at(0).task == 1);
  std::unique_ptr<Locks::Held> second;
  std::thread waiting([&] { second = locks.acquire("lock:release:etcd", 2, 30s); });
  held.reset();
  waiting.join();
  CHECK(locks.all().at(0).task == 2);
  second.reset();
  CHECK(locks.all().empty());
}

TEST_CASE("a lock that was not renewed in time goes to the next one, and its old holder hears of it") {
  StoreFixture store;
  ManualClock clock;
  Locks dead(store.db, clock, "dead");
  TaskId lost_task = 0;
  dead.on_lost([&](TaskId task) { lost_task = task; });
  const auto held = dead.acquire("lock:deployment:etcd", 1, 0s);
  clock.advance(241s);
  Locks alive(store.db, clock, "alive");
  const auto mine = alive.acquire("lock:deployment:etcd", 2, 0s);
  dead.renew_now();
  CHECK(held->lost());
  CHECK(lost_task == 1);
  alive.renew_now();
  CHECK_FALSE(mine->lost());
}

TEST_CASE("a clock that is set ahead ends no lock whose task is not over") {
  StoreFixture store;
  ManualClock clock;
  Tasks tasks(store.db, store.folder.path().string());
  TaskRecord task;
  task.type = "create_deployment";
  const auto running = tasks.insert(task, store.now);
  Locks locks(store.db, clock, "d1", Locks::Renewal::by_owner);
  const auto held = locks.acquire("lock:deployment:etcd", running.id, 0s);
  ManualClock ahead(clock.now() + 1h);
  Locks others(store.db, ahead, "d2", Locks::Renewal::by_owner);
  others.renew_now();  // forgets what was left behind
  CHECK_THROWS_AS(others.acquire("lock:deployment:etcd", 99, 0s), Error);
  locks.renew_now();
  CHECK_FALSE(held->lost());
}

TEST_CASE("a renewed lock outlives its first term") {
  StoreFixture store;
  ManualClock clock;
  Locks locks(store.db, clock, "d1");
  const auto held = locks.acquire("lock:deployment:etcd", 1, 0s);
  clock.advance(200s);
  locks.renew_now();
  clock.advance(200s);
  CHECK_THROWS_AS(locks.acquire("lock:deployment:etcd", 2, 0s), Error);
}

TEST_CASE("a task resumed by another director finds the lock it held") {
  StoreFixture store;
  ManualClock clock;
  Locks dead(store.db, clock, "dead");
  const auto left = dead.acquire("lock:deployment:etcd", 5, 0s);
  Locks alive(store.db, clock, "alive");
  const auto held = alive.acquire("lock:deployment:etcd", 5, 0s);
  CHECK(alive.all().at(0).holder == "alive");
  CHECK_THROWS_AS(alive.acquire("lock:deployment:etcd", 5, 0s), Error);
}

TEST_CASE("a lock whose task is over holds nobody up") {
  StoreFixture store;
  ManualClock clock;
  Tasks tasks(store.db, store.folder.path().string());
  TaskRecord task;
  task.type = "create_deployment";
  const auto over = tasks.insert(task, store.now);
  Locks dead(store.db, clock, "dead");
  const auto left = dead.acquire("lock:deployment:etcd", over.id, 0s);
  tasks.request_cancel(over.id, store.now);
  Locks alive(store.db, clock, "alive");
  CHECK(alive.all().empty());
  CHECK(alive.acquire("lock:deployment:etcd", 77, 0s));
}

}  // namespace locks_test
