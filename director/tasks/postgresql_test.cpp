#include <doctest/doctest.h>

#include "base/file.hpp"
#include "base/sql/postgresql_fixture.hpp"
#include "director/store/schema.hpp"
#include "director/tasks/director_lease.hpp"
#include "director/tasks/locks.hpp"
#include "director/tasks/task_queue.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace std::chrono_literals;

namespace postgresql_test {

TEST_CASE("tasks, locks and the lease work on PostgreSQL, where several directors may share them") {
  const auto url = sql::PostgresqlServer::shared().create_database("director_tasks");
  sql::Database one(url), two(url);
  one.migrate(migrations());
  ManualClock clock;
  const DirectorLease first(one, clock, {"d1", "alpha", "", true}, {});
  const DirectorLease second(two, clock, {"d2", "beta", "", true}, {});
  CHECK_THROWS_AS(DirectorLease(two, clock, {"d3", "gamma", ""}, {}), Error);

  TempDir folder;
  Tasks here(one, folder.path().string()), there(two, folder.path().string());
  TaskRecord record;
  record.type = "update_release";
  record.context_id = "c";
  const auto now = clock.now();
  const auto task = here.insert_once(record, now - 1min, now);
  CHECK(there.insert_once(record, now - 1min, now).id == task.id);
  const auto claimed = here.claim("d1", {"update_release"}, now).value();
  CHECK_FALSE(there.claim("d2", {"update_release"}, now));
  CHECK(there.list({}).size() == 1);
  CHECK(there.request_cancel(task.id, now));
  const auto taken = there.take_over("d2", now + 121s, 120s);
  REQUIRE(taken.size() == 1);
  CHECK_FALSE(here.finish(claimed, "d1", TaskState::done, "", now));
  CHECK(there.finish(taken[0], "d2", TaskState::cancelled, "", now));
  CHECK(here.remove_old(0, now) == 1);

  Locks mine(one, clock, "d1"), yours(two, clock, "d2");
  auto held = mine.acquire("lock:deployment:web", 1, 0s);
  CHECK_THROWS_AS(yours.acquire("lock:deployment:web", 2, 2s), Error);
  mine.renew_now();
  held.reset();
  CHECK(yours.acquire("lock:deployment:web", 2, 0s));
}

}  // namespace postgresql_test
