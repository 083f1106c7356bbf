#pragma once

#include <functional>
#include <memory>

#include "health-monitor/monitor.hpp"
#include "test/sim/director_process.hpp"

namespace slipway::sim {

// One of the health monitors, as a process: its rounds, detection, budget, ladder, desk and the client of the
// director are the real ones.
class MonitorProcess {
 public:
  MonitorProcess(VirtualTime& time, Trace& trace, Network& network, DirectorProcess& director,
                 health::LivenessSettings liveness, std::size_t number, std::uint64_t seed);
  ~MonitorProcess();

  void start();
  void kill();
  // It dies at its `request`-th request to the director from now on, before it is sent or after it is carried out;
  // 0: it does not. `then` runs when it has died.
  void kill_at(int request, bool after, std::function<void()> then);
  bool lives() const;
  health::Monitor::Figures figures() const;  // it lives

 private:
  struct Life;
  http::ClientResponse send(Life& life, const http::ClientRequest& request);

  VirtualTime& time_;
  Trace& trace_;
  Network& network_;
  DirectorProcess& director_;
  const health::LivenessSettings liveness_;
  const std::size_t number_;
  const std::uint64_t seed_;
  Dice dice_;
  int lives_ = 0, requests_left_ = 0;
  bool dies_after_ = false;
  std::function<void()> then_;
  std::shared_ptr<Life> life_;
};

}  // namespace slipway::sim
