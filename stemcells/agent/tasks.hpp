#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "base/json.hpp"
#include "base/random.hpp"

namespace slipway::agent {

// BOSH's long tasks: one serial worker, so that a drain and an apply never overlap, while
// pings and polls stay quick. Results live in memory; the oldest finished ones are dropped.
class Tasks {
 public:
  // Looks at `cancelled` where it can stop early.
  using Work = std::function<Json(const std::atomic<bool>& cancelled)>;

  // `ended` is told each task's id after its end, on the worker's thread.
  Tasks(Random& random, std::function<void(const std::string& id)> ended);
  ~Tasks();  // cancels the running task, drops the waiting ones

  // The new task's id. `cancellable`: drain and errand. A `request_key` seen lately gives the
  // earlier task again, so that a message delivered twice runs once; empty: no such check.
  // Fault::exhausted when too many wait.
  std::string submit(const std::string& method, bool cancellable, const std::string& request_key, Work work);
  // The running shape or the final value. Throws what the task threw, as "Task t1 result: …",
  // and Fault::not_found for an unknown id.
  Json poll(const std::string& id) const;
  void cancel(const std::string& id);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::agent
