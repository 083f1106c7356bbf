#pragma once

#include <chrono>
#include <string>

#include "base/clock.hpp"

namespace slipway::cpi::aws {

// Pauses between looks at something that is becoming what it shall be: short at first, then
// longer. Throws Fault::internal that says `what` took longer than `limit`.
class Patience {
 public:
  Patience(Clock& clock, std::chrono::milliseconds first, std::chrono::seconds limit, std::string what);
  void pause();

 private:
  Clock& clock_;
  std::chrono::milliseconds next_;
  const std::chrono::seconds limit_;
  const Instant deadline_;
  const std::string what_;
};

}  // namespace slipway::cpi::aws
