#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "health-monitor/director/director_client.hpp"

namespace slipway::health {

// One connection to the message bus. An interface so that the monitor runs in simulation.
class Bus {
 public:
  virtual ~Bus() = default;  // no callback runs any more when it returns

  // Called on threads of the bus's own; they do not block.
  struct Ears {
    std::function<void(std::string_view agent, std::string_view payload)> heartbeat, alert, shutdown;
    std::function<void(std::string_view payload)> director_alert, changed;
    std::function<void()> interrupted;  // the connection was lost, or is there again after that
  };

  virtual void probe(const std::string& agent) = 0;  // dropped while the bus is away; does not block
  // True: a message sent now comes back within the time, and what came before it has been heard.
  virtual bool round_trip(std::chrono::milliseconds limit) = 0;
};

// Over NATS, made again by itself for as long as its identity is good.
class NatsBus final : public Bus {
 public:
  NatsBus(const BusIdentity& identity, Ears ears, Log log);  // Fault::retryable when it cannot be reached
  ~NatsBus() override;

  void probe(const std::string& agent) override;
  bool round_trip(std::chrono::milliseconds limit) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::health
