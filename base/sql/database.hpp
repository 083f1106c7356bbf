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
struct Migration {
  int version;
  std::string name;
  std::string sql;  // statements end with ";" at the end of a line
};

// What a statement can run on. Placeholders are written ":1", ":2" … and bound by
// position; values are never pasted into SQL. Throws Fault::conflict on a unique or
// foreign key violation, Fault::retryable when the database is busy, Fault::exhausted
// when the disk is full, Fault::internal otherwise.
class Session {
 public:
  virtual ~Session() = default;
  virtual Result run(std::string_view sql, const std::vector<Value>& values = {}) = 0;
  // For INSERT into a table with an integer primary key "id".
  virtual std::int64_t insert(std::string_view sql, const std::vector<Value>& values = {}) = 0;
};

// SOCI underneath: "sqlite:///path/file.db" or "postgresql://user@host/db?…". Thread-safe:
// a pool of connections; SQLite runs in WAL mode with synchronous=FULL, foreign keys on.
class Database {
 public:
  explicit Database(const std::string& url, std::size_t connections = 8);
  ~Database();

  void migrate(const std::vector<Migration>& migrations);  // refuses a database newer than the program

  // One statement in its own transaction.
  Result run(std::string_view sql, const std::vector<Value>& values = {});
  std::int64_t insert(std::string_view sql, const std::vector<Value>& values = {});

  // All or nothing: committed when `work` returns, rolled back when it throws. On SQLite a
  // write transaction begins IMMEDIATE, so it never fails in the middle for being second.
  void transaction(const std::function<void(Session&)>& work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::sql
