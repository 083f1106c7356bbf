#include "health-monitor/detect/heartbeat_intake.hpp"

namespace slipway::health {

namespace {

constexpr JsonLimits limits{.max_bytes = 1u << 20, .max_depth = 16};
constexpr std::size_t longest_state = 40;

}  // namespace

void HeartbeatIntake::take(std::string_view agent, std::string_view payload) {
  if (!monitor_.liveness().heard(agent, job_state_fingerprint(payload), clock_.monotonic())) return;
  try {
    HeartbeatSample sample{
        .agent = std::string(agent), .payload = parse_json(payload, "heartbeat", limits), .at = clock_.now()};
    if (!sample.payload.is_object()) return;
    const auto state = sample.payload.find("job_state");
    if (state != sample.payload.end() && state->is_string())
      monitor_.note_job_state(sample.agent, state->get<std::string>().substr(0, longest_state), sample.at);
    if (const auto vitals = sample.payload.find("vitals"); vitals != sample.payload.end())
      monitor_.note_disks(sample.agent, *vitals, clock_.monotonic(), sample.at);
    if (plugins_.want_heartbeats() && monitor_.complete(sample)) plugins_.tell(sample);
  } catch (const Error& error) {
    log_.debug("heartbeat.rubbish", {{"agent", std::string(agent)}, {"error", error.what()}});
  }
}

}  // namespace slipway::health
