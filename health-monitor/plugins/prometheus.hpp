#pragma once

#include "health-monitor/monitor.hpp"
#include "health-monitor/plugins/plugins.hpp"

namespace slipway::health {

// The figures in Prometheus' text format.
std::string prometheus_text(const Monitor::Figures& figures, const std::vector<Plugins::Count>& plugins);

}  // namespace slipway::health
