#pragma once

#include <memory>

#include "base/log.hpp"
#include "health-monitor/config.hpp"

namespace slipway::health {

// All parts of a running monitor. It starts whether or not director and bus can be reached, and waits
// for them; it keeps nothing on disk.
class Daemon {
 public:
  Daemon(const MonitorConfig& config, Log log);
  ~Daemon();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace slipway::health
