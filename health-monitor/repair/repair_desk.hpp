#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/parallel.hpp"
#include "health-monitor/director/director_client.hpp"

namespace slipway::health {

// Carries orders to the director and follows each to its end, several at once.
class RepairDesk {
 public:
  static constexpr std::size_t at_once = 16;  // deployments; each waits for its task by long poll

  // `still_leading` is asked right before the director is; `ended` is called before an outcome can be had.
  RepairDesk(const DirectorClient& director, RepairOptions options, Clock& clock, std::unique_ptr<Executor> executor,
             std::function<bool()> still_leading, std::function<void(const std::string& deployment)> ended, Log log);
  ~RepairDesk();  // lets go of what it follows: the director goes on with it

  void take(const RepairOrder& order);
  std::vector<RepairOutcome> outcomes();

 private:
  RepairOutcome carry_out(const RepairOrder& order);
  RepairOutcome follow(const std::string& deployment, const std::string& task);
  void put(RepairOutcome outcome);

  const DirectorClient& director_;
  const RepairOptions options_;
  Clock& clock_;
  const std::function<bool()> still_leading_;
  const std::function<void(const std::string&)> ended_;
  const Log log_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<RepairOutcome> outcomes_;
  std::unique_ptr<Executor> executor_;
};

}  // namespace slipway::health
