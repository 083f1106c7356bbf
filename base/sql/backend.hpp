#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/sql/database.hpp"

namespace slipway::sql {

// What a failure means for the transaction it happened in, besides its Fault.
enum class Trouble {
  none,
  serialization,    // PostgreSQL undid the transaction because of a concurrent one: run it again
  connection_lost,  // whether a COMMIT under way took effect is unknown
};

class StatementError : public Error {
 public:
  StatementError(Fault fault, const std::string& message, Trouble trouble = Trouble::none)
      : Error(fault, message), trouble_(trouble) {}
  Trouble trouble() const noexcept { return trouble_; }

 private:
  Trouble trouble_;
};

// One connection. SOCI connects; rows are read with the driver's own calls, because SOCI's
// dynamic rows cut SQLite INTEGER columns to 32 bits and turn expressions such as COUNT(*) into
// text. With PostgreSQL, SOCI prepares, binds and executes too; SQLite's statements are kept.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual Result run(std::string_view sql, const std::vector<Value>& values) = 0;
  virtual void begin() = 0;
  virtual void commit() = 0;
  virtual void rollback() noexcept = 0;
  virtual bool usable() = 0;  // false: close it, open another
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::unique_ptr<Connection> connect() = 0;
  // A migration's statement, written for SQLite, in this database's words.
  virtual std::string translate_schema(const std::string& sql) const = 0;
  // Statements run first in a migration's transaction, so that two programs that start at
  // once migrate one after the other; none when begin() is enough.
  virtual std::vector<std::string> migration_lock() const = 0;
  virtual bool one_writer() const = 0;
};

std::unique_ptr<Backend> make_sqlite(const std::string& url);
std::unique_ptr<Backend> make_postgresql(const std::string& url);

// True when the statement can change no row, as far as its first word tells.
bool only_reads(std::string_view sql);

}  // namespace slipway::sql
