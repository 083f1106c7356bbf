#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "health-monitor/plugins/plugin.hpp"

namespace slipway::health {

// Runs the plugins, each on a thread and behind a bounded queue: one that is slow or down keeps neither
// the others nor the monitor waiting. When its queue is full the oldest are dropped and counted.
class Plugins {
 public:
  Plugins(std::vector<std::unique_ptr<Plugin>> plugins, Log log);
  Plugins(const Plugins&) = delete;
  Plugins& operator=(const Plugins&) = delete;
  ~Plugins();  // gives each 2 s to tell what is queued

  void tell(const Notice& notice);
  void tell(const HeartbeatSample& sample);
  bool want_heartbeats() const { return want_heartbeats_; }

  struct Count {
    std::string plugin;
    std::uint64_t told = 0, lost = 0;
  };
  std::vector<Count> counts() const;

 private:
  class Runner;
  std::vector<std::unique_ptr<Runner>> runners_;
  bool want_heartbeats_ = false;
};

}  // namespace slipway::health
