#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/sql/database.hpp"
#include "director/tasks/task.hpp"

namespace slipway::director {

struct LockRecord {
  std::string name;            // "lock:deployment:etcd"
  TaskId task = 0;
  std::string holder;          // director process id
  Timestamp expires_at{};
};

// Named locks in the store, renewed while held. A lock says which task holds it and why.
class Locks {
 public:
  enum class Renewal {
    by_itself,  // on a thread of its own
    by_owner,   // who calls renew_now() every 30 s, as a simulation of time does
  };
  Locks(sql::Database& db, Clock& clock, std::string holder, Renewal renewal = Renewal::by_itself);
  // Waits at most `wait`; Fault::conflict names the holding task. The lock ends with the object.
  class Held;
  std::unique_ptr<Held> acquire(const std::string& name, TaskId task, std::chrono::milliseconds wait);
  std::vector<LockRecord> all();  // but for those a dead director left, whose task is over
  // Called from a thread of its own for a lock that could not be renewed in time: the task
  // must stop. Set before the first acquire.
  void on_lost(std::function<void(TaskId)> callback);
  // Called after a lock was taken (true) or let go (false), on the thread that did it. Set before the first acquire.
  void on_change(std::function<void(const std::string& name, bool held)> callback);
  void renew_now();  // what otherwise happens by itself every 30 s
  ~Locks();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

class Locks::Held {
 public:
  virtual ~Held() = default;
  virtual bool lost() const = 0;  // could not be renewed in time
};

}  // namespace slipway::director
