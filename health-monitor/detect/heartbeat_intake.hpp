#pragma once

#include <string_view>

#include "base/log.hpp"
#include "health-monitor/monitor.hpp"
#include "health-monitor/plugins/plugins.hpp"

namespace slipway::health {

// The way of every heartbeat from the bus into the monitor. Thread-safe, and quick: most heartbeats only
// say that their agent is there, and are not parsed.
class HeartbeatIntake {
 public:
  HeartbeatIntake(Monitor& monitor, Plugins& plugins, Clock& clock, Log log)
      : monitor_(monitor), plugins_(plugins), clock_(clock), log_(std::move(log)) {}

  void take(std::string_view agent, std::string_view payload);

 private:
  Monitor& monitor_;
  Plugins& plugins_;
  Clock& clock_;
  Log log_;
};

}  // namespace slipway::health
