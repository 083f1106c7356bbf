#include <fcntl.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <unistd.h>
#include <cerrno>
#include <unordered_map>

#include "base/sql/backend.hpp"
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

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

// Done with, whatever happened: a statement that is not reset keeps its read lock.
class Use {
 public:
  explicit Use(sqlite3_stmt* statement) : statement_(statement) {}
  ~Use() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  sqlite3_stmt* statement_;
};

// The text outlives the statement's use.
int bind(sqlite3_stmt* statement, int index, const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return sqlite3_bind_int64(statement, index, *integer);
  if (const auto* real = std::get_if<double>(&value)) return sqlite3_bind_double(statement, index, *real);
  if (const auto* text = std::get_if<std::string>(&value))
    return sqlite3_bind_text(statement, index, text->data(), static_cast<int>(text->size()), SQLITE_STATIC);
  return sqlite3_bind_null(statement, index);
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
    auto* statement = prepared(sql);
    const Use use(statement);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const int index = sqlite3_bind_parameter_index(statement, (":" + std::to_string(i + 1)).c_str());
      if (index == 0) throw StatementError(Fault::internal, "SQLite: a value has no place in: " + std::string(sql));
      if (bind(statement, index, values[i]) != SQLITE_OK) throw to_error(handle_, "a value cannot be bound");
    }
    return execute(statement);
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
  // Parsing a statement costs more than running most of them. The table has few entries: only
  // lists of conditions make new texts.
  sqlite3_stmt* prepared(std::string_view sql) {
    std::string text(sql);
    if (const auto known = statements_.find(text); known != statements_.end()) return known->second.get();
    if (statements_.size() >= max_statements) statements_.clear();
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v3(handle_, text.data(), static_cast<int>(text.size()), SQLITE_PREPARE_PERSISTENT,
                                        &raw, nullptr);
    Statement made(raw);
    if (code != SQLITE_OK || raw == nullptr) throw to_error(handle_, "no statement: " + text);
    return statements_.emplace(std::move(text), std::move(made)).first->second.get();
  }

  Result execute(sqlite3_stmt* statement) {
    Result result;
    const auto changes_before = sqlite3_total_changes(handle_);
    std::shared_ptr<std::vector<std::string>> names;
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
      const int columns = sqlite3_column_count(statement);
      if (!names) {
        names = std::make_shared<std::vector<std::string>>();
        for (int i = 0; i < columns; ++i) names->emplace_back(sqlite3_column_name(statement, i));
      }
      std::vector<Value> row;
      row.reserve(static_cast<std::size_t>(columns));
      for (int i = 0; i < columns; ++i) row.push_back(column_value(statement, i));
      result.rows.emplace_back(names, std::move(row));
    }
    if (code != SQLITE_DONE) throw to_error(handle_, "a statement failed");
    // sqlite3_changes() keeps the count of an earlier statement when this one changed nothing.
    if (sqlite3_total_changes(handle_) != changes_before) result.changed = sqlite3_changes(handle_);
    return result;
  }

  static constexpr std::size_t max_statements = 256;
  soci::session session_;
  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, Statement> statements_;  // gone before the session is
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
