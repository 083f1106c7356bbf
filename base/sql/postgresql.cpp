#include <poll.h>
#include <soci/postgresql/soci-postgresql.h>
#include <cctype>
#include <charconv>

#include "base/sql/backend.hpp"
#include "base/sql/bind.hpp"

namespace slipway::sql {
namespace {

// Type numbers of PostgreSQL's catalogue (pg_type), fixed since its beginnings.
enum : Oid {
  oid_bool = 16,
  oid_int8 = 20,
  oid_int2 = 21,
  oid_int4 = 23,
  oid_oid = 26,
  oid_float4 = 700,
  oid_float8 = 701,
  oid_numeric = 1700
};

Fault fault_of(std::string_view state) {
  if (state == "23505" || state == "23503") return Fault::conflict;             // unique, foreign key
  if (state.substr(0, 2) == "40" || state == "55P03") return Fault::retryable;  // rolled back, lock
  if (state == "53300" || state == "57P03") return Fault::retryable;            // too many, starting up
  if (state.substr(0, 2) == "53") return Fault::exhausted;                      // disk, memory
  return Fault::internal;
}

std::string one_line(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  for (auto& c : text)
    if (c == '\n') c = ' ';
  return text;
}

Value value_of(const PGresult* result, int row, int column) {
  if (PQgetisnull(result, row, column)) return nullptr;
  const char* text = PQgetvalue(result, row, column);
  const char* end = text + PQgetlength(result, row, column);
  const auto as_integer = [&]() -> std::optional<std::int64_t> {
    std::int64_t value = 0;
    const auto parsed = std::from_chars(text, end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return value;
  };
  switch (PQftype(result, column)) {
    case oid_bool:
      return std::int64_t{*text == 't'};
    case oid_int2:
    case oid_int4:
    case oid_int8:
    case oid_oid:
    case oid_numeric:  // SUM of BIGINT is NUMERIC
      if (const auto integer = as_integer()) return *integer;
      [[fallthrough]];
    case oid_float4:
    case oid_float8: {
      double value = 0;
      const auto parsed = std::from_chars(text, end, value);
      if (parsed.ec == std::errc{} && parsed.ptr == end) return value;
      break;
    }
    default:
      break;
  }
  return std::string(text, end);
}

class PostgresqlConnection final : public Connection {
 public:
  explicit PostgresqlConnection(const std::string& url) {
    try {
      session_.open(soci::postgresql, url);
    } catch (const soci::soci_error& error) {
      throw StatementError(Fault::retryable, "PostgreSQL: " + one_line(error.get_error_message()));
    }
    handle_ = static_cast<soci::postgresql_session_backend*>(session_.get_backend())->conn_;
    // Details repeat the offending row's values, which may be secrets.
    PQsetErrorVerbosity(handle_, PQERRORS_TERSE);
    PQsetNoticeProcessor(
        handle_, [](void*, const char*) {}, nullptr);
  }

  Result run(std::string_view sql, const std::vector<Value>& values) override {
    try {
      return execute_all(std::string(sql), values);
    } catch (const soci::soci_error& error) {
      throw to_error(error, only_reads(sql));
    }
  }

  void begin() override {
    in_transaction_ = true;
    run("BEGIN ISOLATION LEVEL SERIALIZABLE", {});
  }

  void commit() override {
    try {
      run("COMMIT", {});
      in_transaction_ = false;
    } catch (const StatementError& error) {
      if (error.trouble() != Trouble::connection_lost) throw;
      throw StatementError(Fault::outcome_unknown, error.what(), error.trouble());
    }
  }

  void rollback() noexcept override {
    in_transaction_ = false;
    try {
      if (PQtransactionStatus(handle_) != PQTRANS_IDLE) run("ROLLBACK", {});
    } catch (const std::exception&) {  // usable() sees that the connection is gone
    }
  }

  bool usable() override {
    if (PQstatus(handle_) != CONNECTION_OK) return false;
    if (PQtransactionStatus(handle_) != PQTRANS_IDLE) return false;
    // An idle connection with something to read has been ended by the server.
    pollfd ready{PQsocket(handle_), POLLIN, 0};
    return ::poll(&ready, 1, 0) == 0;
  }

 private:
  Result execute_all(const std::string& sql, const std::vector<Value>& values) {
    for (const auto& value : values) {
      const auto* text = std::get_if<std::string>(&value);
      if (text && text->find('\0') != std::string::npos)
        throw StatementError(Fault::invalid, "PostgreSQL: text with a NUL byte cannot be stored");
    }
    Bound bound(values);
    soci::statement statement(session_);
    execute(statement, bound, sql);

    auto* backend = static_cast<soci::postgresql_statement_backend*>(statement.get_backend());
    PGresult* rows = backend->result_.get_result();
    Result result;
    if (!rows) return result;
    auto names = std::make_shared<std::vector<std::string>>();
    const int columns = PQnfields(rows);
    for (int i = 0; i < columns; ++i) names->emplace_back(PQfname(rows, i));
    const int count = PQntuples(rows);
    for (int row = 0; row < count; ++row) {
      std::vector<Value> values_of_row;
      values_of_row.reserve(static_cast<std::size_t>(columns));
      for (int i = 0; i < columns; ++i) values_of_row.push_back(value_of(rows, row, i));
      result.rows.emplace_back(names, std::move(values_of_row));
    }
    const std::string_view status = PQcmdStatus(rows);
    if (!status.starts_with("SELECT")) result.changed = std::strtoll(PQcmdTuples(rows), nullptr, 10);
    return result;
  }

  StatementError to_error(const soci::soci_error& error, bool reads) {
    const std::string message = "PostgreSQL: " + one_line(error.get_error_message());
    if (PQstatus(handle_) != CONNECTION_OK) {
      // Inside a transaction nothing has happened: the server rolls back.
      const bool nothing_happened = reads || in_transaction_;
      return {nothing_happened ? Fault::retryable : Fault::outcome_unknown, message,
              Trouble::connection_lost};
    }
    const auto* own = dynamic_cast<const soci::postgresql_soci_error*>(&error);
    const std::string state = own ? own->sqlstate() : std::string();
    return {fault_of(state), message, state.starts_with("40") ? Trouble::serialization : Trouble::none};
  }

  soci::session session_;
  PGconn* handle_ = nullptr;
  bool in_transaction_ = false;
};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::string upper(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

class Postgresql final : public Backend {
 public:
  explicit Postgresql(std::string url) : url_(std::move(url)) {}
  std::unique_ptr<Connection> connect() override { return std::make_unique<PostgresqlConnection>(url_); }

  // SQLite's types have 64 bits, PostgreSQL's of the same name have 32; and an SQLite
  // "INTEGER PRIMARY KEY" numbers its rows by itself.
  std::string translate_schema(const std::string& sql) const override {
    std::string out;
    char quote = 0;
    for (std::size_t i = 0; i < sql.size();) {
      const char c = sql[i];
      if (quote || c == '\'' || c == '"') {
        if (!quote)
          quote = c;
        else if (c == quote)
          quote = 0;
        out += c, ++i;
        continue;
      }
      if (!is_word(c)) {
        out += c, ++i;
        continue;
      }
      std::size_t end = i;
      while (end < sql.size() && is_word(sql[end])) ++end;
      const std::string word = sql.substr(i, end - i);
      const std::string big = upper(word);
      if (big == "INTEGER") {
        static const std::string key = " PRIMARY KEY";
        const bool is_key = upper(std::string_view(sql).substr(end, key.size())) == key;
        out += is_key ? "BIGINT GENERATED BY DEFAULT AS IDENTITY" : "BIGINT";
      } else if (big == "REAL") {
        out += "DOUBLE PRECISION";
      } else if (big != "AUTOINCREMENT") {
        out += word;
      }
      i = end;
    }
    return out;
  }

  // Who waited for the lock must see what the other did, hence no snapshot of before.
  std::vector<std::string> migration_lock() const override {
    return {"SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "SELECT pg_advisory_xact_lock(7317526911)"};
  }
  bool one_writer() const override { return false; }

 private:
  std::string url_;
};

}  // namespace

std::unique_ptr<Backend> make_postgresql(const std::string& url) { return std::make_unique<Postgresql>(url); }

}  // namespace slipway::sql
