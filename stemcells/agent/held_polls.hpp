#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::agent {

// Questions about a task that is not over yet. They are answered when it is, or when their time
// is up: who asks learns of the end at once and need not ask often. Not thread-safe.
class HeldPolls {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds patience{500};

  // False when too many are held already.
  bool hold(const std::string& task, const AgentRequest& request, Time now) {
    if (polls_.size() >= most) return false;
    polls_.push_back({task, now + patience, request});
    return true;
  }
  std::vector<AgentRequest> take_of(const std::string& task) {
    return take([&](const Poll& poll) { return poll.task == task; });
  }
  std::vector<AgentRequest> take_expired(Time now) {
    return take([&](const Poll& poll) { return poll.until <= now; });
  }
  std::optional<Time> next() const {
    if (polls_.empty()) return std::nullopt;
    return polls_.front().until;  // all have the same patience
  }

 private:
  struct Poll {
    std::string task;
    Time until;
    AgentRequest request;
  };
  static constexpr std::size_t most = 64;

  template <class Condition>
  std::vector<AgentRequest> take(Condition wanted) {
    std::vector<AgentRequest> taken;
    const auto rest = std::stable_partition(polls_.begin(), polls_.end(), [&](const Poll& poll) { return !wanted(poll); });
    for (auto it = rest; it != polls_.end(); ++it) taken.push_back(std::move(it->request));
    polls_.erase(rest, polls_.end());
    return taken;
  }

  std::vector<Poll> polls_;
};

}  // namespace slipway::agent
