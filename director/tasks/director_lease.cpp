#include "director/tasks/director_lease.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "director/store/rows.hpp"

namespace slipway::director {
namespace {

std::string name_of(const sql::Row& row) { return row.text("description") + " (" + row.text("id") + ")"; }

class LockFile {
 public:
  explicit LockFile(const std::string& path) {
    file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file_ < 0) throw Error(Fault::invalid, path + ": " + std::system_category().message(errno));
    taken_ = ::flock(file_, LOCK_EX | LOCK_NB) == 0;
    if (!taken_ && errno != EWOULDBLOCK) {
      const int reason = errno;
      ::close(file_);
      throw Error(Fault::internal, "locking " + path + ": " + std::system_category().message(reason));
    }
  }
  ~LockFile() { ::close(file_); }
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;
  bool taken() const { return taken_; }

 private:
  int file_ = -1;
  bool taken_ = false;
};

}  // namespace

struct DirectorLease::State {
  State(sql::Database& database, Clock& the_clock, Options the_options, std::function<void()> callback)
      : db(database), clock(the_clock), options(std::move(the_options)), on_lost(std::move(callback)) {}

  sql::Database& db;
  Clock& clock;
  const Options options;
  std::function<void()> on_lost;
  std::unique_ptr<LockFile> file;
  Instant renewed_at{};
  std::mutex mutex;
  std::condition_variable stop;
  bool stopping = false;
  std::thread thread;

  // ", NAME (ID)," or nothing when the other one has not come so far as to write it down.
  std::string holder() {
    try {
      const auto others = db.run("SELECT id, description FROM directors ORDER BY id");
      return others.rows.empty() ? "" : ", " + name_of(others.rows.front()) + ",";
    } catch (const std::exception&) {
      return "";
    }
  }

  void take() {
    if (options.shared && !options.lock_file.empty())
      throw Error(Fault::invalid, "several directors on one store need PostgreSQL");
    if (!options.lock_file.empty()) file = std::make_unique<LockFile>(options.lock_file);
    if (file && !file->taken()) {
      throw Error(Fault::conflict,
                  "another director" + holder() + " runs on this store: it holds " + options.lock_file);
    }
    if (options.migrate) options.migrate();
    const auto now = clock.now();
    db.transaction([&](sql::Session& session) {
      // Whoever holds the file knows that all others are dead, whatever their rows say.
      if (file) session.run("DELETE FROM directors");
      session.run("DELETE FROM directors WHERE heartbeat_at <= :1", {rows::value(now - options.silent_for)});
      const auto others = session.run("SELECT id, description, heartbeat_at FROM directors ORDER BY id");
      if (!options.shared && !others.rows.empty())
        throw Error(Fault::conflict,
                    "another director, " + name_of(others.rows.front()) +
                        ", runs on this store; if it died, its lease ends " +
                        std::to_string(options.silent_for.count()) + " s after its last heartbeat");
      session.run("INSERT INTO directors (id, description, heartbeat_at) VALUES (:1, :2, :3)",
                  {options.id, options.description, rows::value(now)});
    });
    renewed_at = clock.monotonic();
  }

  bool renew() {
    try {
      if (db.run("UPDATE directors SET heartbeat_at = :1 WHERE id = :2", {rows::value(clock.now()), options.id})
              .changed != 1)
        return false;
      renewed_at = clock.monotonic();
      return true;
    } catch (const std::exception&) {
      // With the file in hand a store that is busy or full takes nothing away.
      return file || clock.monotonic() < renewed_at + options.silent_for;
    }
  }

  void run() {
    std::unique_lock lock(mutex);
    while (!stop.wait_for(lock, options.silent_for / 3, [&] { return stopping; })) {
      lock.unlock();
      const bool kept = renew();
      if (!kept) {
        if (on_lost) on_lost();
        return;
      }
      lock.lock();
    }
  }
};

DirectorLease::DirectorLease(sql::Database& db, Clock& clock, Options options, std::function<void()> on_lost)
    : state_(std::make_unique<State>(db, clock, std::move(options), std::move(on_lost))) {
  state_->take();
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

DirectorLease::~DirectorLease() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->stop.notify_all();
  state_->thread.join();
  try {
    state_->db.run("DELETE FROM directors WHERE id = :1", {state_->options.id});
  } catch (const std::exception&) {
    // The next start finds a row without a heartbeat.
  }
}

bool DirectorLease::sole() const { return !state_->options.shared; }

}  // namespace slipway::director
