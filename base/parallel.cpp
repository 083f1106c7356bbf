#include "base/parallel.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

namespace slipway {

namespace {

struct Round {
  std::size_t count;
  const std::function<void(std::size_t)>& action;
  std::mutex mutex;
  std::size_t next = 0;
  std::exception_ptr failure;

  void work() {
    for (;;) {
      std::size_t index;
      {
        const std::lock_guard guard(mutex);
        if (failure || next >= count) return;
        index = next++;
      }
      try {
        action(index);
      } catch (...) {
        const std::lock_guard guard(mutex);
        if (!failure) failure = std::current_exception();
      }
    }
  }
};

}  // namespace

void parallel_for(std::size_t count, std::size_t max_parallel, const std::function<void(std::size_t)>& action) {
  Round round{count, action, {}, 0, nullptr};
  const auto wanted = std::min(count, std::max<std::size_t>(max_parallel, 1));
  std::vector<std::thread> helpers;
  helpers.reserve(wanted);
  // The caller works too. A machine out of threads makes the round slower, not wrong.
  try {
    while (helpers.size() + 1 < wanted) helpers.emplace_back([&round] { round.work(); });
  } catch (const std::system_error&) {
  }
  round.work();
  for (auto& helper : helpers) helper.join();
  if (round.failure) std::rethrow_exception(round.failure);
}

struct WorkAhead::State {
  enum class Course { waiting, running, ended };

  std::function<void(std::size_t)> action;
  std::mutex mutex;
  std::condition_variable ended;
  std::vector<Course> courses;
  std::vector<std::exception_ptr> failures;
  bool closing = false;
  std::vector<std::thread> threads;

  void run(std::size_t index, std::unique_lock<std::mutex>& lock) {
    courses[index] = Course::running;
    lock.unlock();
    std::exception_ptr failure;
    try {
      action(index);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    courses[index] = Course::ended;
    failures[index] = failure;
    ended.notify_all();
  }

  void work() {
    std::unique_lock lock(mutex);
    for (std::size_t i = 0; i < courses.size() && !closing; ++i) {
      if (courses[i] == Course::waiting) run(i, lock);
    }
  }
};

WorkAhead::WorkAhead(std::size_t count, std::size_t threads, std::function<void(std::size_t)> action)
    : state_(std::make_unique<State>()) {
  state_->action = std::move(action);
  state_->courses.assign(count, State::Course::waiting);
  state_->failures.resize(count);
  auto* state = state_.get();
  // A machine out of threads works less ahead.
  try {
    while (state->threads.size() < std::min(threads, count)) state->threads.emplace_back([state] { state->work(); });
  } catch (const std::system_error&) {
  }
}

WorkAhead::~WorkAhead() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closing = true;
  }
  for (auto& thread : state_->threads) thread.join();
}

void WorkAhead::finish(std::size_t index) {
  std::unique_lock lock(state_->mutex);
  if (state_->courses[index] == State::Course::waiting) state_->run(index, lock);
  state_->ended.wait(lock, [&] { return state_->courses[index] == State::Course::ended; });
  if (state_->failures[index]) std::rethrow_exception(state_->failures[index]);
}

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> queue;
  std::size_t max_queued = 0;
  bool closing = false;
  std::vector<std::thread> threads;

  void work() noexcept {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return closing || !queue.empty(); });
      if (queue.empty()) return;
      auto job = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      job();
      job = nullptr;  // what the job holds is released before the lock is taken
      lock.lock();
    }
  }

  void close() {
    {
      const std::lock_guard guard(mutex);
      closing = true;
    }
    wake.notify_all();
    for (auto& thread : threads) thread.join();
  }
};

ThreadPool::ThreadPool(std::size_t threads, std::size_t max_queued) : state_(std::make_unique<State>()) {
  state_->max_queued = max_queued;
  auto* state = state_.get();
  try {
    for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) {
      state->threads.emplace_back([state] { state->work(); });
    }
  } catch (...) {
    state->close();
    throw;
  }
}

ThreadPool::~ThreadPool() { state_->close(); }

bool ThreadPool::try_submit(std::function<void()> job) {
  {
    const std::lock_guard guard(state_->mutex);
    if (state_->closing || state_->queue.size() >= state_->max_queued) return false;
    state_->queue.push_back(std::move(job));
  }
  state_->wake.notify_one();
  return true;
}

}  // namespace slipway
