#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "cpi/simulated/cloud.hpp"
#include "test/scenario/director/simulated_agents.hpp"

namespace slipway::test {

// Simulators boot nothing. For every VM that is found in a cloud this speaks the agent's protocol over the
// real bus, with the settings that the CPI has handed over, where it has handed them over: bus, certificate,
// id. What it answers is what SimulatedAgents says. A VM that is found no more takes its agent with it.
class StandInAgents {
 public:
  // Settings of all VMs that exist in one cloud, by agent id. Asked again and again, on one thread.
  using Cloud = std::function<std::map<std::string, Json>()>;

  explicit StandInAgents(std::vector<Cloud> clouds);
  ~StandInAgents();
  StandInAgents(const StandInAgents&) = delete;
  StandInAgents& operator=(const StandInAgents&) = delete;

  SimulatedAgents& agents() { return agents_; }
  std::size_t started() const { return started_; }  // ever

 private:
  class OnBus;
  void follow_clouds();
  void look();

  const std::vector<Cloud> clouds_;
  cpi::SimulatedCloud hooks_;  // holds nothing: SimulatedAgents learns of VMs by its hooks
  SimulatedAgents agents_{hooks_};
  std::map<std::string, std::unique_ptr<OnBus>> on_bus_;
  std::atomic<std::size_t> started_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace slipway::test
