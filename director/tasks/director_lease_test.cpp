#include "director/tasks/director_lease.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "director/store/fixture.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace std::chrono_literals;

namespace director_lease_test {

namespace {

std::string refusal(sql::Database& db, Clock& clock, DirectorLease::Options options) {
  try {
    DirectorLease lease(db, clock, std::move(options), {});
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::conflict);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a second director on one SQLite store is refused and told who runs there") {
  StoreFixture store;
  ManualClock clock;
  const auto file = (store.folder.path() / "director.lock").string();
  DirectorLease first(store.db, clock, {"id-1", "alpha pid 7", file}, {});
  const auto text = refusal(store.db, clock, {"id-2", "beta pid 8", file});
  CHECK(text == "another director, alpha pid 7 (id-1), runs on this store: it holds " + file);
  CHECK(first.sole());
}

TEST_CASE("only the director that holds the file changes the schema") {
  StoreFixture store;
  ManualClock clock;
  const auto file = (store.folder.path() / "director.lock").string();
  int migrations_by_first = 0, migrations_by_second = 0;
  DirectorLease first(store.db, clock, {.id = "id-1", .description = "alpha", .lock_file = file,
                                        .migrate = [&] { ++migrations_by_first; }}, {});
  refusal(store.db, clock, {.id = "id-2", .description = "beta", .lock_file = file,
                            .migrate = [&] { ++migrations_by_second; }});
  CHECK(migrations_by_first == 1);
  CHECK(migrations_by_second == 0);
}

TEST_CASE("a file lock is not given up because the holder looks silent") {
  StoreFixture store;
  ManualClock clock;
  const auto file = (store.folder.path() / "director.lock").string();
  DirectorLease first(store.db, clock, {"id-1", "alpha", file}, {});
  clock.advance(1h);
  CHECK_FALSE(refusal(store.db, clock, {"id-2", "beta", file}).empty());
}

TEST_CASE("a director that died is replaced at once where a locked file proves its death") {
  StoreFixture store;
  ManualClock clock;
  const auto file = (store.folder.path() / "director.lock").string();
  store.db.run("INSERT INTO directors (id, description, heartbeat_at) VALUES ('dead', 'dead', :1)",
               {std::int64_t{clock.now().time_since_epoch().count()}});
  CHECK(refusal(store.db, clock, {"id-2", "beta", file}).empty());
}

TEST_CASE("without a file only the missing heartbeat frees the store") {
  StoreFixture store;
  ManualClock clock;
  DirectorLease first(store.db, clock, {"id-1", "alpha", ""}, {});
  CHECK_FALSE(refusal(store.db, clock, {"id-2", "beta", ""}).empty());
  clock.advance(31s);
  CHECK(refusal(store.db, clock, {"id-2", "beta", ""}).empty());
}

TEST_CASE("several directors share a store only when it was said so, and never over SQLite") {
  StoreFixture store;
  ManualClock clock;
  DirectorLease first(store.db, clock, {"id-1", "alpha", "", true}, {});
  CHECK_FALSE(first.sole());
  CHECK(refusal(store.db, clock, {"id-2", "beta", "", true}).empty());
  const auto file = (store.folder.path() / "director.lock").string();
  CHECK_THROWS_WITH(DirectorLease(store.db, clock, {"id-3", "gamma", file, true}, {}),
                    "several directors on one store need PostgreSQL");
}

TEST_CASE("a lease that ended in good order leaves the store free") {
  StoreFixture store;
  ManualClock clock;
  { DirectorLease first(store.db, clock, {"id-1", "alpha", ""}, {}); }
  CHECK(refusal(store.db, clock, {"id-2", "beta", ""}).empty());
}

}  // namespace director_lease_test
