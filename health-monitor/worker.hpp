#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace slipway::health {

// A thread that does one thing again and again: when it is woken, and otherwise after the pause that the
// work itself returns. `work` must not throw.
class Worker {
 public:
  using Pause = std::chrono::milliseconds;

  explicit Worker(std::function<Pause()> work) : work_(std::move(work)) {
    thread_ = std::thread([this] { run(); });
  }
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void wake() {
    std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      woken_ = false;
      lock.unlock();
      const auto pause = work_();
      lock.lock();
      changed_.wait_for(lock, pause, [this] { return stopping_ || woken_; });
    }
  }

  std::function<Pause()> work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace slipway::health
