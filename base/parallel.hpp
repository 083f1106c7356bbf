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

// Does work before its turn: `action(i)` for i in [0, count), begun in their order on at most `threads` threads. With none
// each is done when it is asked for, so that nothing runs beside anything.
class WorkAhead {
 public:
  WorkAhead(std::size_t count, std::size_t threads, std::function<void(std::size_t)> action);
  ~WorkAhead();  // begins nothing more, and waits for what runs

  // Returns when action(index) has ended, and throws what it threw. Runs it here if it was not begun yet.
  void finish(std::size_t index);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Runs jobs beside whoever submits them. An interface so that the real code runs in simulation.
class Executor {
 public:
  virtual ~Executor() = default;  // when it returns no job runs any more
  virtual bool try_submit(std::function<void()> job) = 0;  // false when it takes no more; jobs must not throw
};

// A fixed number of threads and a bounded queue.
class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(std::size_t threads, std::size_t max_queued = 1024);
  ~ThreadPool() override;  // runs what is queued, then joins
  bool try_submit(std::function<void()> job) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway
