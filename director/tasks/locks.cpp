#include "director/tasks/locks.hpp"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "director/store/rows.hpp"

namespace slipway::director {
namespace {

using namespace std::chrono_literals;

constexpr auto time_to_live = 240s;
constexpr auto renewal = 30s;
constexpr auto look_again = 1s;  // for locks that another process lets go

// The reason is the holding task's own description.
struct Holder {
  TaskId task = 0;
  std::string description, user;
  std::chrono::milliseconds age{0};
};

// "75 s", "12 min", "3 h 5 min"
std::string shown(std::chrono::milliseconds age) {
  const auto seconds = age.count() / 1000;
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 7200) return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds / 3600) + " h " + std::to_string(seconds / 60 % 60) + " min";
}

std::string shown(const Holder& holder) {
  std::string text = "locking task id is " + std::to_string(holder.task);
  if (!holder.description.empty()) text += " (" + holder.description + ")";
  if (!holder.user.empty()) text += " of user '" + holder.user + "'";
  return text + ", which has held it for " + shown(holder.age);
}

std::optional<Holder> try_take(sql::Session& session, const std::string& name, TaskId task, const std::string& holder,
                               Timestamp now) {
  const auto found = session.run(
      "SELECT l.task_id, l.holder, l.expires_at, l.acquired_at, t.state, t.description, t.username FROM locks l LEFT "
      "JOIN tasks t ON t.id = l.task_id WHERE l.name = :1",
      {name});
  const auto expires_at = rows::value(now + time_to_live);
  if (found.rows.empty()) {
    session.run("INSERT INTO locks (name, task_id, holder, expires_at, acquired_at) VALUES (:1, :2, :3, :4, :5)",
                {name, task, holder, expires_at, rows::value(now)});
    return std::nullopt;
  }
  const auto& row = found.rows.front();
  // As long as its task is not over somebody carries it on, or will: what the clock on the wall says of it, which
  // may be set at any time, counts only for a lock whose task nobody knows.
  const auto state = row.maybe_text("state");
  const bool left_behind =
      state ? is_final(task_state_from_string(*state)) : rows::time(row, "expires_at") < now;
  // A task that was taken over finds the lock its dead director held for it.
  const bool inherited = row.integer("task_id") == task && row.text("holder") != holder;
  const auto since = rows::time(row, "acquired_at");
  if (!left_behind && !inherited) {
    return Holder{row.integer("task_id"), row.maybe_text("description").value_or(""),
                  row.maybe_text("username").value_or(""), now - since};
  }
  session.run("UPDATE locks SET task_id = :1, holder = :2, expires_at = :3, acquired_at = :4 WHERE name = :5",
              {task, holder, expires_at, rows::value(inherited ? since : now), name});
  return std::nullopt;
}

}  // namespace

struct Locks::State {
  struct Entry {
    TaskId task = 0;
    Instant renewed{};
    std::atomic<bool> lost{false};
  };

  State(sql::Database& database, Clock& the_clock, std::string the_holder)
      : db(database), clock(the_clock), holder(std::move(the_holder)) {}

  sql::Database& db;
  Clock& clock;
  const std::string holder;
  std::function<void(TaskId)> lost_callback;
  std::function<void(const std::string&, bool)> change_callback;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::shared_ptr<Entry>> held;
  bool stopping = false;
  std::thread renewer;

  void release(const std::string& name, const Entry& entry) {
    {
      std::lock_guard lock(mutex);
      if (const auto it = held.find(name); it != held.end() && it->second.get() == &entry) held.erase(it);
    }
    try {
      if (!entry.lost)
        db.run("DELETE FROM locks WHERE name = :1 AND holder = :2 AND task_id = :3", {name, holder, entry.task});
    } catch (const std::exception&) {
      // It ends with its time to live, or with its task.
    }
    changed.notify_all();
    if (change_callback) change_callback(name, false);
  }

  bool renew(const std::string& name, Entry& entry) {
    try {
      const auto asked = clock.monotonic();
      const auto until = clock.now() + time_to_live;
      if (db.run("UPDATE locks SET expires_at = :1 WHERE name = :2 AND holder = :3 AND task_id = :4",
                 {rows::value(until), name, holder, entry.task})
              .changed == 1) {
        entry.renewed = asked;
        return true;
      }
      return false;
    } catch (const std::exception&) {
      // The store may be away for a while: nobody else can take the lock before it expires.
      return clock.monotonic() < entry.renewed + time_to_live - renewal;
    }
  }

  void renew_all() {
    std::map<std::string, std::shared_ptr<Entry>> now_held;
    {
      std::lock_guard lock(mutex);
      now_held = held;
    }
    for (const auto& [name, entry] : now_held) {
      if (entry->lost || renew(name, *entry)) continue;
      {
        // Released meanwhile: nothing is lost.
        std::lock_guard lock(mutex);
        const auto it = held.find(name);
        if (it == held.end() || it->second != entry) continue;
        entry->lost = true;
      }
      if (lost_callback) lost_callback(entry->task);
    }
  }

  // Of directors that died, for what no task has locked again since.
  void forget_left_behind() {
    try {
      db.run("DELETE FROM locks WHERE expires_at < :1 AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = task_id AND "
             "t.state NOT IN " + std::string(rows::final_task_states) + ")",
             {rows::value(clock.now())});
    } catch (const std::exception&) {
      // There is another time.
    }
  }

  void run() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      if (changed.wait_for(lock, renewal, [&] { return stopping; })) return;
      lock.unlock();
      renew_all();
      forget_left_behind();
      lock.lock();
    }
  }
};

namespace {

template <class State, class Entry>
class HeldLock final : public Locks::Held {
 public:
  HeldLock(std::shared_ptr<State> state, std::string name, std::shared_ptr<Entry> entry)
      : state_(std::move(state)), name_(std::move(name)), entry_(std::move(entry)) {}
  ~HeldLock() override { state_->release(name_, *entry_); }
  bool lost() const override { return entry_->lost; }

 private:
  std::shared_ptr<State> state_;
  std::string name_;
  std::shared_ptr<Entry> entry_;
};

}  // namespace

Locks::Locks(sql::Database& db, Clock& clock, std::string holder, Renewal how)
    : state_(std::make_shared<State>(db, clock, std::move(holder))) {
  if (how == Renewal::by_itself) state_->renewer = std::thread([state = state_.get()] { state->run(); });
}

Locks::~Locks() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  if (state_->renewer.joinable()) state_->renewer.join();
}

void Locks::on_lost(std::function<void(TaskId)> callback) { state_->lost_callback = std::move(callback); }

void Locks::on_change(std::function<void(const std::string&, bool)> callback) {
  state_->change_callback = std::move(callback);
}

void Locks::renew_now() {
  state_->renew_all();
  state_->forget_left_behind();
}

std::unique_ptr<Locks::Held> Locks::acquire(const std::string& name, TaskId task, std::chrono::milliseconds wait) {
  auto& state = *state_;
  const auto deadline = state.clock.monotonic() + wait;
  while (true) {
    std::optional<Holder> other;
    const auto now = state.clock.now();
    state.db.transaction(
        [&](sql::Session& session) { other = try_take(session, name, task, state.holder, now); });
    if (!other) {
      auto entry = std::make_shared<State::Entry>();
      entry->task = task;
      entry->renewed = state.clock.monotonic();
      {
        std::lock_guard lock(state.mutex);
        state.held[name] = entry;
      }
      if (state.change_callback) state.change_callback(name, true);
      return std::make_unique<HeldLock<State, State::Entry>>(state_, name, entry);
    }
    const auto monotonic = state.clock.monotonic();
    if (monotonic >= deadline) {
      throw Error(Fault::conflict, "Failed to acquire lock for " + name + ": " + shown(*other));
    }
    std::unique_lock lock(state.mutex);
    state.clock.wait_until(lock, state.changed, std::min<Instant>(deadline, monotonic + look_again));
  }
}

std::vector<LockRecord> Locks::all() {
  return rows::all(state_->db.run("SELECT l.name, l.task_id, l.holder, l.expires_at FROM locks l LEFT JOIN tasks t ON "
                                  "t.id = l.task_id WHERE t.state IS NULL OR t.state NOT IN " +
                                  std::string(rows::final_task_states) + " ORDER BY l.name"),
                   [](const sql::Row& row) {
                     return LockRecord{row.text("name"), row.integer("task_id"), row.text("holder"),
                                       rows::time(row, "expires_at")};
                   });
}

}  // namespace slipway::director
