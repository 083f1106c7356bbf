#include "base/sql/database.hpp"

#include <cctype>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/sql/backend.hpp"

namespace slipway::sql {
namespace {

using namespace std::chrono_literals;

// Longer than SQLite's own busy timeout; a wait this long means a transaction inside a
// transaction, or a stuck one.
constexpr auto max_wait = 40s;
constexpr int serialization_attempts = 10;

std::unique_ptr<Backend> make_backend(const std::string& url) {
  if (url.starts_with("sqlite://")) return make_sqlite(url);
  if (url.starts_with("postgresql://") || url.starts_with("postgres://")) return make_postgresql(url);
  throw Error(Fault::invalid, "database URL: expected sqlite:///path or postgresql://user@host/database");
}

std::vector<std::string> split_statements(const std::string& sql) {
  std::vector<std::string> statements;
  std::string current;
  std::size_t at = 0;
  while (at < sql.size()) {
    const auto end = std::min(sql.find('\n', at), sql.size());
    std::string line = sql.substr(at, end - at);
    at = end + 1;
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
    const auto first = line.find_first_not_of(" \t");
    if (first == std::string::npos || line.compare(first, 2, "--") == 0) continue;
    current += line + "\n";
    if (line.back() == ';') {
      statements.push_back(std::move(current));
      current.clear();
    }
  }
  if (!current.empty()) statements.push_back(std::move(current));
  return statements;
}

std::int64_t inserted_id(const Result& result) {
  if (result.rows.empty()) throw StatementError(Fault::conflict, "nothing was inserted");
  return result.rows.front().integer("id");
}

class TransactionSession final : public Session {
  template <class Action>
  auto watched(Action&& action) {
    try {
      return action();
    } catch (const StatementError& error) {
      if (error.trouble() == Trouble::serialization) undone_by_another_ = true;
      throw;
    }
  }

 public:
  explicit TransactionSession(Connection& connection) : connection_(connection) {}
  Result run(std::string_view sql, const std::vector<Value>& values) override {
    return watched([&] { return connection_.run(sql, values); });
  }
  std::int64_t insert(std::string_view sql, const std::vector<Value>& values) override {
    return inserted_id(run(std::string(sql) + " RETURNING id", values));
  }
  void commit() {
    watched([&] { connection_.commit(); });
  }
  // Remembered here, because the error may leave the caller's work in another shape.
  bool undone_by_another() const { return undone_by_another_; }

 private:
  Connection& connection_;
  bool undone_by_another_ = false;
};

}  // namespace

bool only_reads(std::string_view sql) {
  const auto first = sql.find_first_not_of(" \t\r\n(");
  if (first == std::string_view::npos) return true;
  std::string word;
  for (const char c : sql.substr(first, 6))
    word += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return word == "SELECT" || word == "PRAGMA" || word == "EXPLAI" || word == "VALUES";
}

const Value& Row::at(std::string_view column) const {
  for (std::size_t i = 0; i < names_->size(); ++i)
    if ((*names_)[i] == column) return values_[i];
  throw Error(Fault::internal, "no column " + std::string(column) + " in the result");
}

std::int64_t Row::integer(std::string_view column) const {
  if (const auto* value = std::get_if<std::int64_t>(&at(column))) return *value;
  throw Error(Fault::internal, "column " + std::string(column) + " holds no integer");
}

std::string Row::text(std::string_view column) const {
  if (const auto* value = std::get_if<std::string>(&at(column))) return *value;
  throw Error(Fault::internal, "column " + std::string(column) + " holds no text");
}

double Row::real(std::string_view column) const {
  const auto& value = at(column);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  throw Error(Fault::internal, "column " + std::string(column) + " holds no number");
}

std::optional<std::int64_t> Row::maybe_integer(std::string_view column) const {
  if (std::holds_alternative<std::nullptr_t>(at(column))) return std::nullopt;
  return integer(column);
}

std::optional<std::string> Row::maybe_text(std::string_view column) const {
  if (std::holds_alternative<std::nullptr_t>(at(column))) return std::nullopt;
  return text(column);
}

struct Database::State {
  std::unique_ptr<Backend> backend;
  std::size_t limit;
  std::mutex mutex;
  std::condition_variable released;
  std::vector<std::unique_ptr<Connection>> idle;
  std::size_t open = 0;
  // One writer at a time where the database has no better way: SQLite's own is to sleep and
  // try again.
  bool writing = false;
  std::condition_variable written;
  Around around;

  class WriterTurn {
   public:
    WriterTurn(State& state, bool wanted) : state_(state), taken_(wanted && state.backend->one_writer()) {
      if (!taken_) return;
      std::unique_lock lock(state_.mutex);
      if (!state_.written.wait_for(lock, max_wait, [&] { return !state_.writing; }))
        throw Error(Fault::retryable, "another transaction keeps the database busy");
      state_.writing = true;
    }
    ~WriterTurn() {
      if (!taken_) return;
      const std::lock_guard lock(state_.mutex);
      state_.writing = false;
      state_.written.notify_one();
    }
    WriterTurn(const WriterTurn&) = delete;
    WriterTurn& operator=(const WriterTurn&) = delete;

   private:
    State& state_;
    const bool taken_;
  };

  // A connection out of the pool; goes back when the lease ends, unless it is broken.
  class Lease {
   public:
    explicit Lease(State& state) : state_(state), connection_(state.take()) {}
    ~Lease() { state_.give(std::move(connection_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Connection& operator*() const { return *connection_; }
    Connection* operator->() const { return connection_.get(); }

   private:
    State& state_;
    std::unique_ptr<Connection> connection_;
  };

  std::unique_ptr<Connection> take() {
    std::unique_lock lock(mutex);
    const bool free = released.wait_for(lock, max_wait, [&] { return !idle.empty() || open < limit; });
    if (!free)
      throw Error(Fault::retryable, "all " + std::to_string(limit) + " database connections are busy");
    while (!idle.empty()) {
      auto connection = std::move(idle.back());
      idle.pop_back();
      if (connection->usable()) return connection;
      --open;
    }
    ++open;
    lock.unlock();
    try {
      return backend->connect();
    } catch (...) {
      lock.lock();
      --open;
      released.notify_one();
      throw;
    }
  }

  void give(std::unique_ptr<Connection> connection) {
    const bool keep = connection->usable();
    std::lock_guard lock(mutex);
    if (keep)
      idle.push_back(std::move(connection));
    else
      --open;
    released.notify_one();
  }

  // False: the database undid it in favour of another transaction, and `last` is not set.
  bool attempt(const std::function<void(Session&)>& work, bool last) {
    const WriterTurn turn(*this, true);
    Lease connection(*this);
    connection->begin();
    TransactionSession session(*connection);
    try {
      work(session);
      session.commit();
    } catch (...) {
      connection->rollback();
      if (session.undone_by_another() && !last) return false;
      throw;
    }
    return true;
  }

  void transact(const std::function<void(Session&)>& work) {
    for (int tries = 1; !attempt(work, tries >= serialization_attempts);) ++tries;
  }
};

Database::Database(const std::string& url, std::size_t connections) : state_(std::make_shared<State>()) {
  state_->backend = make_backend(url);
  state_->limit = std::max<std::size_t>(connections, 1);
  state_->give([&] {
    ++state_->open;
    return state_->backend->connect();
  }());
}

Database::~Database() = default;

Database Database::guarded(Guard guard) const {
  Database door = *this;
  door.guard_ = std::move(guard);
  return door;
}

void Database::interpose(Around around) { state_->around = std::move(around); }

Result Database::run(std::string_view sql, const std::vector<Value>& values) {
  const bool changes = !only_reads(sql);
  const auto now = [&] {
    if (changes && guard_) {
      Result result;
      state_->transact([&](Session& session) {
        guard_(session);
        result = session.run(sql, values);
      });
      return result;
    }
    const State::WriterTurn turn(*state_, changes);
    State::Lease connection(*state_);
    return connection->run(sql, values);
  };
  if (!state_->around) return now();
  Result result;
  state_->around(sql, changes, [&] { result = now(); });
  return result;
}

std::int64_t Database::insert(std::string_view sql, const std::vector<Value>& values) {
  return inserted_id(run(std::string(sql) + " RETURNING id", values));
}

void Database::transaction(const std::function<void(Session&)>& work) {
  const auto now = [&] {
    state_->transact([&](Session& session) {
      if (guard_) guard_(session);
      work(session);
    });
  };
  if (!state_->around) return now();
  state_->around("transaction", true, now);
}

void Database::migrate(const std::vector<Migration>& migrations) {
  int previous = 0;
  for (const auto& migration : migrations) {
    if (migration.version <= previous)
      throw Error(Fault::internal, "migration " + migration.name + ": versions must rise from 1");
    previous = migration.version;
  }
  const auto locking = state_->backend->migration_lock();
  const auto version_of = [](Session& session) {
    return session.run("SELECT COALESCE(MAX(version), 0) AS version FROM schema_migrations")
        .rows.front()
        .integer("version");
  };
  transaction([&](Session& session) {
    for (const auto& statement : locking) session.run(statement);
    session.run("CREATE TABLE IF NOT EXISTS schema_migrations (version INT PRIMARY KEY, name TEXT NOT NULL)");
    if (const auto found = version_of(session); found > previous)
      throw Error(Fault::conflict, "the database has schema version " + std::to_string(found) +
                                       ", this program knows only up to " + std::to_string(previous));
  });
  for (const auto& migration : migrations) {
    with_context("migration " + std::to_string(migration.version) + " " + migration.name, [&] {
      transaction([&](Session& session) {
        for (const auto& statement : locking) session.run(statement);
        if (version_of(session) >= migration.version) return;
        for (const auto& statement : split_statements(migration.sql))
          session.run(state_->backend->translate_schema(statement));
        session.run("INSERT INTO schema_migrations (version, name) VALUES (:1, :2)",
                    {std::int64_t{migration.version}, migration.name});
      });
    });
  }
}

}  // namespace slipway::sql
