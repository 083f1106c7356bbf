#include <fcntl.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <unistd.h>
#include <cerrno>

#include "base/sql/backend.hpp"
#include "base/sql/bind.hpp"
#include "base/sql/url.hpp"

namespace slipway::sql {
namespace {

using namespace sqlite_api;

StatementError to_error(sqlite3* handle, const std::string& fallback) {
  const int code = handle ? sqlite3_extended_errcode(handle) : SQLITE_ERROR;
  const bool failed = code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE;
  const std::string message = "SQLite: " + (failed ? std::string(sqlite3_errmsg(handle)) : fallback);
  switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return {Fault::conflict, message};
    default:
      break;
  }
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Fault::retryable, message};
    case SQLITE_FULL:
      return {Fault::exhausted, message};
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (handle && sqlite3_system_errno(handle) == ENOSPC) return {Fault::exhausted, message};
      break;
    default:
      break;
  }
  return {Fault::internal, message};
}

std::string column_text(sqlite3_stmt* statement, int column) {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  return size == 0 ? std::string() : std::string(bytes, size);
}

Value column_value(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
      return nullptr;
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    default:
      return column_text(statement, column);
  }
}

class SqliteConnection final : public Connection {
 public:
  SqliteConnection(const std::string& parameters, const std::vector<std::string>& pragmas) {
    try {
      session_.open(soci::sqlite3, parameters);
    } catch (const soci::soci_error& error) {
      throw StatementError(Fault::internal, "SQLite: " + error.get_error_message());
    }
    handle_ = static_cast<soci::sqlite3_session_backend*>(session_.get_backend())->conn_;
    for (const auto& pragma : pragmas) run(pragma, {});
  }

  Result run(std::string_view sql, const std::vector<Value>& values) override {
    try {
      return execute_all(std::string(sql), values);
    } catch (const soci::soci_error& error) {
      // Never what(): SOCI appends the bound values, which may be secrets.
      throw to_error(handle_, error.get_error_message());
    }
  }

  void begin() override { run("BEGIN IMMEDIATE", {}); }
  void commit() override { run("COMMIT", {}); }

  void rollback() noexcept override {
    try {
      if (sqlite3_get_autocommit(handle_) == 0) run("ROLLBACK", {});
    } catch (const std::exception&) {
      broken_ = true;
    }
  }

  bool usable() override { return !broken_ && sqlite3_get_autocommit(handle_) != 0; }

 private:
  Result execute_all(const std::string& sql, const std::vector<Value>& values) {
    Bound bound(values);
    soci::statement statement(session_);
    const auto changes_before = sqlite3_total_changes(handle_);
    bool more = execute(statement, bound, sql);

    auto* backend = static_cast<soci::sqlite3_statement_backend*>(statement.get_backend());
    auto names = std::make_shared<std::vector<std::string>>();
    const int columns = sqlite3_column_count(backend->stmt_);
    for (int i = 0; i < columns; ++i) names->emplace_back(sqlite3_column_name(backend->stmt_, i));

    Result result;
    while (more) {
      std::vector<Value> row;
      row.reserve(static_cast<std::size_t>(columns));
      for (int i = 0; i < columns; ++i) row.push_back(column_value(backend->stmt_, i));
      result.rows.emplace_back(names, std::move(row));
      more = backend->fetch(1) == soci::details::statement_backend::ef_success;
    }
    // sqlite3_changes() keeps the count of an earlier statement when this one changed nothing.
    if (sqlite3_total_changes(handle_) != changes_before) result.changed = sqlite3_changes(handle_);
    return result;
  }

  soci::session session_;
  sqlite3* handle_ = nullptr;
  bool broken_ = false;
};

// The database holds credentials: only its owner may read it. SQLite gives its journal
// files the mode of the database file.
void create_private(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    const int reason = errno;
    throw Error(reason == ENOSPC ? Fault::exhausted : Fault::invalid,
                "database file " + path + ": " + std::system_category().message(reason));
  }
  ::close(file);
}

class Sqlite final : public Backend {
 public:
  explicit Sqlite(const std::string& text) {
    auto url = Url::parse(text);
    if (!url.host.empty() || url.path.size() < 2)
      throw Error(Fault::invalid, "database URL: expected sqlite:///absolute/path, three slashes");
    if (url.path.find_first_of("\"\n") != std::string::npos)
      throw Error(Fault::invalid, "database URL: the path contains a quote or a line break");
    const auto busy_s = url.take_number("busy_timeout_s", 30, 0, 3600);
    const auto max_pages = url.take_number("max_pages", 0, 0, 1u << 30);
    url.refuse_others({"busy_timeout_s", "max_pages"});

    create_private(url.path);
    parameters_ = "dbname=\"" + url.path + "\" timeout=" + std::to_string(busy_s);
    pragmas_ = {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON"};
    if (max_pages > 0) pragmas_.push_back("PRAGMA max_page_count=" + std::to_string(max_pages));
  }

  std::unique_ptr<Connection> connect() override {
    return std::make_unique<SqliteConnection>(parameters_, pragmas_);
  }
  std::string translate_schema(const std::string& sql) const override { return sql; }
  std::vector<std::string> migration_lock() const override { return {}; }
  bool one_writer() const override { return true; }

 private:
  std::string parameters_;
  std::vector<std::string> pragmas_;
};

}  // namespace

std::unique_ptr<Backend> make_sqlite(const std::string& url) { return std::make_unique<Sqlite>(url); }

}  // namespace slipway::sql
