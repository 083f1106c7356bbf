#include "test/scenario/director/mortality.hpp"

#include <memory>

namespace slipway::test {

namespace {

// Unwinds like a cancellation, which nothing asks again for.
[[noreturn]] void throw_death() { throw Error(Fault::cancelled, "the director is dead"); }

}  // namespace

void Mortality::begin_life(int last, Moment moment, const std::string& name) {
  const std::lock_guard lock(mutex_);
  effects_.clear();
  last_ = static_cast<std::size_t>(last);
  seen_ = 0;
  name_ = name;
  moment_ = moment;
  dead_ = slept_ = false;
}

bool Mortality::dead() const {
  const std::lock_guard lock(mutex_);
  return dead_;
}

bool Mortality::slept() const {
  const std::lock_guard lock(mutex_);
  return slept_;
}

std::vector<Mortality::Effect> Mortality::effects() const {
  const std::lock_guard lock(mutex_);
  return effects_;
}

void Mortality::require_alive() const {
  if (dead()) throw_death();
}

void Mortality::end() {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = !dead_;
    dead_ = true;
  }
  if (first && on_death) on_death();
}

void Mortality::die() {
  end();
  throw_death();
}

void Mortality::sleep(std::unique_lock<std::mutex>& lock) {
  slept_ = asleep_ = true;
  changed_.wait(lock, [&] { return acting_ == 0; });
  lock.unlock();
  on_sleep();
  lock.lock();
  asleep_ = false;
  changed_.notify_all();
}

void Mortality::act(const Effect& effect, const std::function<void()>& action) {
  bool is_last = false;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !asleep_; });
    if (dead_) throw_death();
    effects_.push_back(effect);
    if (name_.empty() || effect.name == name_) is_last = ++seen_ == last_;
    if (is_last && moment_ == Moment::asleep) sleep(lock);
    ++acting_;
  }
  const std::shared_ptr<void> done(nullptr, [this](void*) {
    const std::lock_guard lock(mutex_);
    --acting_;
    changed_.notify_all();
  });
  if (is_last && moment_ == Moment::before) die();
  action();
  if (is_last && moment_ == Moment::after) die();
}

}  // namespace slipway::test
