#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace slipway::test {

// When a director dies. Whatever it does to the world outside its process is an effect and is done
// through this device; at the one that is its last the process ends: from then on nothing it tries,
// not even cleaning up, has an effect. Thread-safe.
class Mortality {
 public:
  enum class Moment {
    before,  // the effect does not happen
    after,   // it happens, and nobody hears the answer
    asleep,  // not the end: all of it stands still before it, for as long as `on_sleep` takes, and goes on
  };

  struct Effect {
    std::string name;
    bool answered;  // by somebody else: its answer can be lost
    bool only_looks = false;  // at whether the task is still its own
  };

  // A new life, which ends at the `last`-th effect from now on (from 1), of those with that name if one is
  // given; 0: it does not end.
  void begin_life(int last = 0, Moment moment = Moment::before, const std::string& name = "");
  // Called once when it ends, from the thread that dies.
  std::function<void()> on_death, on_sleep;

  bool dead() const;
  bool slept() const;
  std::vector<Effect> effects() const;  // of this life, in their order; the last may not have happened

  void end();  // now, whatever it is at

  // Throws in a dead process.
  void require_alive() const;
  void act(const Effect& effect, const std::function<void()>& action);

 private:
  [[noreturn]] void die();
  void sleep(std::unique_lock<std::mutex>& lock);
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int acting_ = 0;  // threads that are in the middle of an effect
  bool asleep_ = false;
  std::vector<Effect> effects_;
  std::size_t last_ = 0, seen_ = 0;
  std::string name_;
  Moment moment_ = Moment::before;
  bool dead_ = false, slept_ = false;
};

}  // namespace slipway::test
