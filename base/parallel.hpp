#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace slipway {

// Runs `action(i)` for i in [0, count) on at most `max_parallel` threads and waits for all
// that were started. After the first exception no further index is started; that first
// exception is thrown when the running ones have ended.
void parallel_for(std::size_t count, std::size_t max_parallel, const std::function<void(std::size_t)>& action);

// A fixed number of threads and a bounded queue.
class ThreadPool {
 public:
  explicit ThreadPool(std::size_t threads, std::size_t max_queued = 1024);
  ~ThreadPool();  // runs what is queued, then joins
  bool try_submit(std::function<void()> job);  // false when the queue is full; jobs must not throw

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway
