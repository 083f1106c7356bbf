#include "director/domain/types.hpp"

#include "base/error.hpp"

namespace slipway::director {

std::string to_string(InstanceState state) {
  switch (state) {
    case InstanceState::started: return "started";
    case InstanceState::stopped: return "stopped";
    case InstanceState::detached: return "detached";
  }
  return "started";
}

InstanceState instance_state_from_string(const std::string& text) {
  if (text == "started") return InstanceState::started;
  if (text == "stopped") return InstanceState::stopped;
  if (text == "detached") return InstanceState::detached;
  throw Error(Fault::invalid,
              "instance state '" + text + "' is unknown; allowed are 'started', 'stopped' and 'detached'", 140007);
}

}  // namespace slipway::director
