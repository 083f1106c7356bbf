#pragma once

#include <functional>

#include "health-monitor/plugins/plugin.hpp"

namespace slipway::health {

// What `bosh events` shows. `record` posts one event to the director.
std::unique_ptr<Plugin> make_event_log(std::function<void(const Json& event)> record);

// The event that tells a notice.
Json event_of(const Notice& notice);

}  // namespace slipway::health
