#include "base/sql/database.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <filesystem>
#include <thread>

#include "base/error.hpp"
#include "base/sql/postgresql_fixture.hpp"

using namespace slipway;
using namespace slipway::sql;

namespace {

const std::vector<Migration> schema = {
    {1, "first",
     "-- two tables; a comment; with semicolons;\n"
     "CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL DEFAULT "
     "0);\n"
     "CREATE TABLE members (id INTEGER PRIMARY KEY, team_id INTEGER NOT NULL REFERENCES teams(id),\n"
     "  name TEXT, score REAL);\n"},
    {2, "notes", "ALTER TABLE teams ADD COLUMN note TEXT DEFAULT 'INTEGER; REAL';\n"},
};

// A file of its own, or a database of its own on one server that the whole program shares.
struct Fixture {
  explicit Fixture(bool on_postgresql) {
    static int number = 0;
    ++number;
    if (on_postgresql) {
      url = PostgresqlServer::shared().create_database("t" + std::to_string(number));
    } else {
      url = "sqlite://" + folder.path() + "/test " + std::to_string(number) + ".db";
    }
  }
  TestFolder folder;
  std::string url;
};

Fault fault_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    INFO(error.what());
    return error.fault();
  }
  FAIL("nothing was thrown");
  return Fault::internal;
}

}  // namespace

// Every case below runs on both databases.
#define ON_BOTH(title, body)                    \
  TEST_CASE(title " (SQLite)") { body(false); } \
  TEST_CASE(title " (PostgreSQL)") { body(true); }

namespace {

void values_survive(bool postgresql) {
  Fixture fixture(postgresql);
  Database db(fixture.url);
  db.migrate(schema);
  const std::int64_t big = 9'007'199'254'740'993;  // above 2^53 and far above 2^31
  const auto id = db.insert("INSERT INTO teams (name, size) VALUES (:1, :2)", {"O'Neil; DROP \xC3\xA9", big});
  db.run("INSERT INTO members (team_id, name, score) VALUES (:1, :2, :3)", {id, nullptr, 0.1});
  const auto team = db.run("SELECT id, name, size, note FROM teams WHERE id = :1", {id}).rows.at(0);
  CHECK(team.integer("size") == big);
  CHECK(team.text("name") == "O'Neil; DROP \xC3\xA9");
  CHECK(team.text("note") == "INTEGER; REAL");
  const auto member = db.run("SELECT name, score FROM members").rows.at(0);
  CHECK(member.maybe_text("name") == std::nullopt);
  CHECK(member.real("score") == 0.1);
  CHECK(fault_of([&] { (void)member.text("name"); }) == Fault::internal);
  CHECK(fault_of([&] { (void)member.text("nosuch"); }) == Fault::internal);
}
ON_BOTH("values come back as they were bound", values_survive)

void expressions_are_typed(bool postgresql) {
  Fixture fixture(postgresql);
  Database db(fixture.url);
  db.migrate(schema);
  for (int i = 0; i < 3; ++i)
    db.run("INSERT INTO teams (name, size) VALUES (:1, :2)",
           {"t" + std::to_string(i), std::int64_t{3'000'000'000}});
  const auto row =
      db.run("SELECT COUNT(*) AS n, SUM(size) AS total, MAX(name) AS last FROM teams").rows.at(0);
  CHECK(row.integer("n") == 3);
  CHECK(row.integer("total") == 9'000'000'000);
  CHECK(row.text("last") == "t2");
  CHECK(db.run("SELECT name FROM teams WHERE name = :2 OR (name = :1 AND :1 <> :2)", {"t0", "t1"})
            .rows.size() == 2);
}
ON_BOTH("counts and sums are integers, and placeholders may repeat in any order", expressions_are_typed)

void changed_counts(bool postgresql) {
  Fixture fixture(postgresql);
  Database db(fixture.url);
  db.migrate(schema);
  CHECK(db.run("INSERT INTO teams (name) VALUES (:1), (:2)", {"a", "b"}).changed == 2);
  CHECK(db.run("UPDATE teams SET size = 1 WHERE name = 'nobody'").changed == 0);
  CHECK(db.run("SELECT * FROM teams").changed == 0);
  CHECK(db.run("UPDATE teams SET size = 1 WHERE size = 0 RETURNING name").rows.size() == 2);
  CHECK(db.run("DELETE FROM teams").changed == 2);
  CHECK(db.insert("INSERT INTO teams (name) VALUES ('c')") > 0);
  CHECK(fault_of([&] { db.insert("INSERT INTO teams (name) VALUES ('c') ON CONFLICT DO NOTHING"); }) ==
        Fault::conflict);
}
ON_BOTH("the count of changed rows is that of the statement", changed_counts)

void violations(bool postgresql) {
  Fixture fixture(postgresql);
  Database db(fixture.url);
  db.migrate(schema);
  db.run("INSERT INTO teams (name) VALUES ('secret-value')");
  try {
    db.run("INSERT INTO teams (name) VALUES (:1)", {"secret-value"});
    FAIL("a second team of the same name was stored");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::conflict);
    CHECK(std::string(error.what()).find("secret-value") == std::string::npos);
  }
  CHECK(fault_of([&] { db.run("INSERT INTO members (team_id) VALUES (99)"); }) == Fault::conflict);
  CHECK(fault_of([&] { db.run("INSERT INTO teams (name) VALUES (:1)", {nullptr}); }) == Fault::internal);
  CHECK(fault_of([&] { db.run("SELEC 1"); }) == Fault::internal);
  CHECK(db.run("SELECT * FROM teams").rows.size() == 1);
}
ON_BOTH("a unique or foreign key violation is a conflict that repeats no value", violations)

void rolls_back(bool postgresql) {
  Fixture fixture(postgresql);
  Database db(fixture.url);
  db.migrate(schema);
  CHECK(fault_of([&] {
          db.transaction([&](Session& session) {
            session.run("INSERT INTO teams (name) VALUES ('a')");
            throw Error(Fault::cancelled, "stop");
          });
        }) == Fault::cancelled);
  CHECK(fault_of([&] {
          db.transaction([&](Session& session) {
            session.run("INSERT INTO teams (name) VALUES ('a')");
            session.run("INSERT INTO teams (name) VALUES ('a')");
          });
        }) == Fault::conflict);
  CHECK(db.run("SELECT * FROM teams").rows.empty());
  db.transaction([&](Session& session) {
    const auto id = session.insert("INSERT INTO teams (name) VALUES ('a')");
    session.run("INSERT INTO members (team_id, name) VALUES (:1, 'm')", {id});
  });
  CHECK(db.run("SELECT * FROM members").rows.size() == 1);
}
ON_BOTH("a transaction that throws leaves nothing behind", rolls_back)

void concurrent_writers(bool postgresql) {
  Fixture fixture(postgresql);
  Database db(fixture.url, 4);
  db.migrate(schema);
  db.run("INSERT INTO teams (name) VALUES ('counter')");
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10;) {
        try {
          db.transaction([&](Session& session) {
            const auto size = session.run("SELECT size FROM teams").rows.at(0).integer("size");
            session.run("UPDATE teams SET size = :1", {size + 1});
          });
          ++i, ++done;
        } catch (const Error& error) {
          if (error.fault() != Fault::retryable) throw;
        }
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(done == 60);
  CHECK(db.run("SELECT size FROM teams").rows.at(0).integer("size") == 60);
}
ON_BOTH("concurrent transactions lose no update", concurrent_writers)

void compare_and_set(bool postgresql) {
  Fixture fixture(postgresql);
  Database db(fixture.url, 8);
  db.migrate(schema);
  db.run("INSERT INTO teams (name) VALUES ('task')");
  std::atomic<int> winners{0};
  std::vector<std::thread> threads;
  for (int t = 1; t <= 8; ++t)
    threads.emplace_back([&, t] {
      winners +=
          static_cast<int>(db.run("UPDATE teams SET size = :1 WHERE size = 0", {std::int64_t{t}}).changed);
    });
  for (auto& thread : threads) thread.join();
  CHECK(winners == 1);
}
ON_BOTH("of many claims exactly one wins", compare_and_set)

void migrates(bool postgresql) {
  Fixture fixture(postgresql);
  {
    Database db(fixture.url);
    db.migrate({schema[0]});
    db.run("INSERT INTO teams (name) VALUES ('kept')");
    db.migrate(schema);
    db.migrate(schema);
    CHECK(db.run("SELECT note FROM teams WHERE name = 'kept'").rows.at(0).text("note") == "INTEGER; REAL");
    auto broken = schema;
    broken.push_back(
        {3, "broken", "CREATE TABLE half (id INTEGER PRIMARY KEY);\nCREATE TABLE half (id INT);\n"});
    CHECK(fault_of([&] { db.migrate(broken); }) == Fault::internal);
    CHECK(fault_of([&] { db.run("SELECT * FROM half"); }) == Fault::internal);
  }
  Database older(fixture.url);
  CHECK(fault_of([&] { older.migrate({schema[0]}); }) == Fault::conflict);
}
ON_BOTH("migrations apply once, whole or not at all, and never to a newer database", migrates)

void migrates_once(bool postgresql) {
  Fixture fixture(postgresql);
  std::vector<std::unique_ptr<Database>> programs;
  for (int i = 0; i < 4; ++i) programs.push_back(std::make_unique<Database>(fixture.url, 1));
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (auto& program : programs)
    threads.emplace_back([&] {
      try {
        program->migrate(schema);
      } catch (const std::exception& error) {
        ++failures;
        MESSAGE(error.what());
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(programs[0]->run("SELECT * FROM schema_migrations").rows.size() == 2);
}
ON_BOTH("programs that start at once migrate one after the other", migrates_once)

}  // namespace

TEST_CASE("a full SQLite database is exhausted and keeps what it had") {
  Fixture fixture(false);
  Database db(fixture.url + "?max_pages=40");
  db.migrate(schema);
  db.run("INSERT INTO teams (name) VALUES ('first')");
  CHECK(fault_of([&] {
          db.transaction([&](Session& session) {
            for (int i = 0; i < 1000; ++i)
              session.run("INSERT INTO teams (name) VALUES (:1)",
                          {std::string(4000, 'x') + std::to_string(i)});
          });
        }) == Fault::exhausted);
  CHECK(db.run("SELECT * FROM teams").rows.size() == 1);
  db.run("INSERT INTO teams (name) VALUES ('second')");
}

TEST_CASE("an SQLite file is readable by its owner only and survives reopening") {
  Fixture fixture(false);
  { Database(fixture.url).migrate(schema); }
  Database db(fixture.url);
  db.run("INSERT INTO teams (name) VALUES ('a')");
  for (const auto& file : std::filesystem::directory_iterator(fixture.folder.path())) {
    struct stat info {};
    REQUIRE(::stat(file.path().c_str(), &info) == 0);
    CHECK_MESSAGE((info.st_mode & 0777) == 0600, file.path().string());
  }
  CHECK(db.run("PRAGMA journal_mode").rows.at(0).text("journal_mode") == "wal");
  CHECK(db.run("PRAGMA synchronous").rows.at(0).integer("synchronous") == 2);
  CHECK(db.run("PRAGMA foreign_keys").rows.at(0).integer("foreign_keys") == 1);
}

TEST_CASE("an SQLite database locked by another program is retryable after the busy timeout") {
  Fixture fixture(false);
  Database holder(fixture.url), other(fixture.url + "?busy_timeout_s=0");
  holder.migrate(schema);
  holder.transaction([&](Session&) {
    CHECK(fault_of([&] { other.run("INSERT INTO teams (name) VALUES ('a')"); }) == Fault::retryable);
  });
  other.run("INSERT INTO teams (name) VALUES ('a')");
}

TEST_CASE("a PostgreSQL connection ended by the server is replaced without the caller's help") {
  Fixture fixture(true);
  Database db(fixture.url, 1), admin(fixture.url, 1);
  db.migrate(schema);
  const auto me = db.run("SELECT pg_backend_pid() AS pid").rows.at(0).integer("pid");
  admin.run("SELECT pg_terminate_backend(:1::int)", {me});
  while (!admin.run("SELECT 1 FROM pg_stat_activity WHERE pid = :1::int", {me}).rows.empty()) {
  }
  db.run("INSERT INTO teams (name) VALUES ('a')");
  CHECK(db.run("SELECT * FROM teams").rows.size() == 1);
}

TEST_CASE("a PostgreSQL connection that dies inside a transaction is retryable, for nothing happened") {
  Fixture fixture(true);
  Database db(fixture.url, 1), admin(fixture.url, 1);
  db.migrate(schema);
  CHECK(fault_of([&] {
          db.transaction([&](Session& session) {
            session.run("INSERT INTO teams (name) VALUES ('a')");
            const auto me = session.run("SELECT pg_backend_pid() AS pid").rows.at(0).integer("pid");
            admin.run("SELECT pg_terminate_backend(:1::int)", {me});
            while (!admin.run("SELECT 1 FROM pg_stat_activity WHERE pid = :1::int", {me}).rows.empty()) {
            }
            session.run("INSERT INTO teams (name) VALUES ('b')");
          });
        }) == Fault::retryable);
  CHECK(db.run("SELECT * FROM teams").rows.empty());
}

TEST_CASE("a wrong database URL says what is allowed and repeats no password") {
  for (const std::string url :
       {"mysql://root:hunter2@h/d", "hunter2", "sqlite://relative/hunter2", "sqlite:///tmp/x?hunter2",
        "sqlite:///tmp/x?max_pages=hunter2", "sqlite:///nosuch/folder/x"}) {
    CAPTURE(url);
    try {
      Database db(url);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::invalid);
      CHECK(std::string(error.what()).find("hunter2") == std::string::npos);
    }
  }
}
