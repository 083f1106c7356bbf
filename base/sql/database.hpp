#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace slipway::sql {

using Value = std::variant<std::nullptr_t, std::int64_t, double, std::string>;

class Row {
 public:
  Row(std::shared_ptr<const std::vector<std::string>> names, std::vector<Value> values)
      : names_(std::move(names)), values_(std::move(values)) {}
  std::int64_t integer(std::string_view column) const;  // Fault::internal on null or another type
  std::string text(std::string_view column) const;
  double real(std::string_view column) const;
  bool boolean(std::string_view column) const { return integer(column) != 0; }
  std::optional<std::int64_t> maybe_integer(std::string_view column) const;
  std::optional<std::string> maybe_text(std::string_view column) const;
  const Value& at(std::string_view column) const;

 private:
  std::shared_ptr<const std::vector<std::string>> names_;
  std::vector<Value> values_;
};

struct Result {
  std::vector<Row> rows;
  std::int64_t changed = 0;  // rows inserted, updated or deleted
};

// One migration: SQL statements for a version, applied in order, once, in a transaction.
// Versions rise from 1. Written in SQLite's words: on PostgreSQL, INTEGER becomes BIGINT,
// INTEGER PRIMARY KEY a BIGINT that numbers itself, REAL becomes DOUBLE PRECISION.
struct Migration {
  int version;
  std::string name;
  std::string sql;  // statements end with ";" at the end of a line
};

// What a statement can run on. Placeholders are written ":1", ":2" … and bound by
// position; values are never pasted into SQL. Throws Fault::conflict on a unique or
// foreign key violation, Fault::retryable when the database is busy, Fault::exhausted
// when the disk is full, Fault::internal otherwise; from PostgreSQL also Fault::retryable or
// Fault::outcome_unknown when the connection was lost before or during a change. Messages
// never repeat bound values.
class Session {
 public:
  virtual ~Session() = default;
  virtual Result run(std::string_view sql, const std::vector<Value>& values = {}) = 0;
  // For INSERT into a table with an integer primary key "id".
  virtual std::int64_t insert(std::string_view sql, const std::vector<Value>& values = {}) = 0;
};

// SOCI underneath: "sqlite:///path/file.db" or "postgresql://user@host/db?…" (anything
// libpq takes). Thread-safe: a pool of connections, opened as needed; SQLite runs in WAL mode
// with synchronous=FULL, foreign keys on, in a file of mode 0600. Options of an SQLite URL:
// busy_timeout_s (30) and max_pages (no limit). A wrong URL is Fault::invalid, a server that
// does not answer Fault::retryable. A copy is another door to the same pool.
class Database {
 public:
  explicit Database(const std::string& url, std::size_t connections = 8);
  ~Database();

  // A door through which nothing is changed unless `guard` lets it: it is asked within the transaction of
  // every change, before it, and throws to refuse. It only reads, through the session it is given.
  using Guard = std::function<void(Session&)>;
  Database guarded(Guard guard) const;

  // Fault::conflict for a database newer than the program. Safe when several programs start at once.
  void migrate(const std::vector<Migration>& migrations);

  // One statement in its own transaction.
  Result run(std::string_view sql, const std::vector<Value>& values = {});
  std::int64_t insert(std::string_view sql, const std::vector<Value>& values = {});

  // All or nothing: committed when `work` returns, rolled back when it throws. On SQLite a
  // write transaction begins IMMEDIATE, so it never fails in the middle for being second. On
  // PostgreSQL it is SERIALIZABLE, and `work` runs again from its start when the database
  // undid it in favour of another: it must have no effect outside its session but plain
  // assignments. Not to be nested, and no run() of the Database inside `work`.
  void transaction(const std::function<void(Session&)>& work);

  // For tests of crashes: each statement and each transaction is done by `around`, which may keep
  // it from happening, or its end from being heard, by throwing. `what` is the statement, or
  // "transaction"; `changes` as far as the first word tells. Set before the first use.
  using Around =
      std::function<void(std::string_view what, bool changes, const std::function<void()>& action)>;
  void interpose(Around around);

 private:
  struct State;
  std::shared_ptr<State> state_;
  Guard guard_;
};

}  // namespace slipway::sql
