#include "stemcells/agent/node_log.hpp"

#include <unistd.h>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace slipway::agent {

void NodeLog::write(std::string_view level, std::string_view event, Fields fields) const {
  if (!enabled_) return;
  std::string line = "{\"time\":\"" + to_rfc3339(SystemClock().now()) + "\",\"level\":\"" + std::string(level) +
                     "\",\"component\":\"agent\",\"event\":" + dump(Json(event));
  for (const auto& [key, value] : fields) line += "," + dump(Json(key)) + ":" + dump(Json(value));
  line += "}\n";
  // One write: lines of several threads never mix. A full journal must not stop the agent.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace slipway::agent
