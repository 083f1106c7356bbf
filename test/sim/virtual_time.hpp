#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <queue>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"

// Time that passes only when nobody has anything left to do at this moment. One thing runs at a time: an event, or
// one of the threads until it waits. What is due at the same moment runs in the order in which it was asked
// for, so the same world makes the same history.
namespace slipway::sim {

class VirtualTime {
 public:
  VirtualTime() = default;
  ~VirtualTime() { end(); }
  // Threads that still wait are woken with an exception and end; events that are still to come do not.
  void end();
  VirtualTime(const VirtualTime&) = delete;
  VirtualTime& operator=(const VirtualTime&) = delete;

  Instant now() const { return now_; }
  Timestamp wall() const;
  void jump_wall(Duration by) { wall_offset_ += by; }  // the clock on the wall is set; time passes as before

  // An event: runs at its moment, and does not wait.
  void at(Instant moment, std::function<void()> event);
  void after(Duration delay, std::function<void()> event) { at(now_ + delay, std::move(event)); }
  // A thread, which may wait. What it throws ends the simulation. `owner` names who wakes up with wake_all().
  void start(const std::string& owner, std::function<void()> body);

  // Of the calling thread only.
  void sleep_until(Instant moment);  // or until woken
  bool in_thread() const;

  void wake_all(const std::string& owner);  // and OWNER/…; they find out why themselves

  // Until this moment, or until there is nothing more to do. `after_each` runs after every event and every
  // turn of a thread. Rethrows what an event or a thread threw.
  void run_until(Instant moment, const std::function<void()>& after_each);
  std::uint64_t turns() const { return turns_; }

 private:
  struct Thread {
    std::string owner;
    std::function<void()> body;
    std::binary_semaphore go{0}, back{0};
    std::uint64_t waits = 0;  // a wake-up for an earlier wait is void
    bool waiting = false, ended = false;
    std::exception_ptr failure;
    std::thread thread;
  };
  struct Due {
    Instant moment;
    std::uint64_t number;
    std::function<void()> event;  // empty: the thread goes on
    std::shared_ptr<Thread> thread;
    std::uint64_t wait = 0;
    bool operator>(const Due& other) const {
      return moment != other.moment ? moment > other.moment : number > other.number;
    }
  };
  void push(Due due);
  void go_on(const std::shared_ptr<Thread>& thread);

  Instant now_{std::chrono::hours{1}};
  Duration wall_offset_{};
  bool ended_ = false;
  std::uint64_t numbers_ = 0, turns_ = 0;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::vector<std::shared_ptr<Thread>> threads_;
};

// Wakes threads that wait for something, and remembers it for one that is not there yet.
class Signal {
 public:
  explicit Signal(VirtualTime& time, std::string owner) : time_(time), owner_(std::move(owner)) {}
  void raise() {
    ++raised_;
    time_.wake_all(owner_);
  }
  std::uint64_t count() const { return raised_; }
  // Returns when it was raised since `seen`, or after `most`, or when somebody wakes the thread.
  void wait(std::uint64_t seen, Duration most) {
    if (raised_ == seen) time_.sleep_until(time_.now() + most);
  }

 private:
  VirtualTime& time_;
  const std::string owner_;
  std::uint64_t raised_ = 0;
};

// The clock of one process of the world. `require_alive` throws in a dead one, so that its threads end.
class ProcessClock final : public Clock {
 public:
  explicit ProcessClock(VirtualTime& time, std::function<void()> require_alive = [] {})
      : time_(time), require_alive_(std::move(require_alive)) {}
  Timestamp now() const override { return time_.wall(); }
  Instant monotonic() const override { return time_.now(); }
  void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, Instant deadline) override;

 private:
  VirtualTime& time_;
  const std::function<void()> require_alive_;
};

}  // namespace slipway::sim
