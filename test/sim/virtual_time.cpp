#include "test/sim/virtual_time.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace slipway::sim {

using namespace std::chrono_literals;

namespace {

// Nobody is told of notifications: who waits for one looks again, soon at first, and less and less often. Most wait
// for nothing but the deadline.
constexpr auto look_again = 500ms;
thread_local Instant last_deadline{}, last_begun{};

Instant next_look(Instant now, Instant deadline) {
  if (std::exchange(last_deadline, deadline) != deadline) last_begun = now;
  return std::min(deadline, now + std::max<Duration>(look_again, now - last_begun));
}

thread_local void* current_thread = nullptr;

// Ends a thread that still waits when its world does; the code it runs takes it for the end of its process.
struct WorldEnded : Error {
  WorldEnded() : Error(Fault::cancelled, "the simulation is over") {}
};

}  // namespace

void VirtualTime::end() {
  ended_ = true;  // their waits throw from now on
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    const auto thread = threads_[i];
    while (!thread->ended) {
      thread->go.release();
      thread->back.acquire();
    }
    thread->thread.join();
  }
  threads_.clear();
  due_ = {};
}

Timestamp VirtualTime::wall() const {
  return Timestamp{std::chrono::hours{24 * 365 * 50}} +
         std::chrono::floor<std::chrono::milliseconds>(now_.time_since_epoch() + wall_offset_);
}

void VirtualTime::push(Due due) {
  due.number = ++numbers_;
  due_.push(std::move(due));
}

void VirtualTime::at(Instant moment, std::function<void()> event) {
  push({.moment = std::max(moment, now_), .number = 0, .event = std::move(event)});
}

void VirtualTime::start(const std::string& owner, std::function<void()> body) {
  auto thread = std::make_shared<Thread>();
  thread->owner = owner;
  thread->body = std::move(body);
  auto* raw = thread.get();
  thread->waiting = true;
  thread->thread = std::thread([raw] {
    raw->go.acquire();
    current_thread = raw;
    try {
      raw->body();
    } catch (const WorldEnded&) {
    } catch (...) {
      raw->failure = std::current_exception();
    }
    // What the body holds may do something when it goes: while it is this thread's turn.
    try {
      raw->body = nullptr;
    } catch (const WorldEnded&) {
    }
    raw->ended = true;
    raw->back.release();
  });
  threads_.push_back(thread);
  push({.moment = now_, .number = 0, .event = {}, .thread = thread, .wait = thread->waits});
}

bool VirtualTime::in_thread() const { return current_thread != nullptr; }

void VirtualTime::sleep_until(Instant moment) {
  auto* self = static_cast<Thread*>(current_thread);
  if (!self) throw Error(Fault::internal, "simulation: an event has tried to wait");
  if (ended_) throw WorldEnded();
  const auto found = std::find_if(threads_.begin(), threads_.end(), [&](const auto& one) { return one.get() == self; });
  ++self->waits;
  self->waiting = true;
  push({.moment = std::max(moment, now_), .number = 0, .event = {}, .thread = *found, .wait = self->waits});
  self->back.release();
  self->go.acquire();
  if (ended_) throw WorldEnded();
}

void VirtualTime::wake_all(const std::string& owner) {
  for (const auto& thread : threads_) {
    const bool is_one = thread->owner == owner || thread->owner.starts_with(owner + "/");
    if (is_one && thread->waiting && !thread->ended)
      push({.moment = now_, .number = 0, .event = {}, .thread = thread, .wait = thread->waits});
  }
}

void VirtualTime::go_on(const std::shared_ptr<Thread>& thread) {
  thread->waiting = false;
  thread->go.release();
  thread->back.acquire();
  if (!thread->ended) return;
  thread->thread.join();
  std::erase(threads_, thread);
  if (thread->failure) std::rethrow_exception(thread->failure);
}

void VirtualTime::run_until(Instant moment, const std::function<void()>& after_each) {
  while (!due_.empty() && due_.top().moment <= moment) {
    auto due = due_.top();
    due_.pop();
    if (due.thread && (due.thread->ended || !due.thread->waiting || due.wait != due.thread->waits)) continue;
    now_ = std::max(now_, due.moment);
    ++turns_;
    if (due.thread)
      go_on(due.thread);
    else
      due.event();
    after_each();
  }
  now_ = std::max(now_, moment);
}

void ProcessClock::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable&, Instant deadline) {
  require_alive_();
  lock.unlock();
  try {
    time_.sleep_until(next_look(time_.now(), deadline));
  } catch (...) {
    lock.lock();
    throw;
  }
  lock.lock();
  require_alive_();
}

}  // namespace slipway::sim
