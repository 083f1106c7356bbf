#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <sys/types.h>

namespace slipway::agent {

// Tells at once when one of a set of processes ends: a thread that sleeps in poll() on
// pidfds. Costs nothing while nothing happens.
class PidWatch {
 public:
  using OnEnd = std::function<void(const std::string& name, pid_t pid)>;

  explicit PidWatch(OnEnd on_end);  // called on the watch's own thread
  ~PidWatch();

  // Replaces the set (name → pid). A process already gone is reported like one that ends.
  void watch(const std::map<std::string, pid_t>& processes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::agent
