#pragma once

#include <functional>
#include <memory>

#include "base/log.hpp"
#include "director/config.hpp"

namespace slipway::director {

// All parts of a running director, put together in the order of their dependence and taken
// apart in the reverse one. Running tasks are left in the store and go on at the next start.
class Director {
 public:
  // Throws what keeps it from starting: another director on the store, a port that is taken …
  // `on_lost` is called when another director took the store over: the process must end.
  Director(const DirectorConfig& config, Log log, std::function<void()> on_lost);
  ~Director();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace slipway::director
