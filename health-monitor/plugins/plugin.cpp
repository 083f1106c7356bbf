#include "health-monitor/plugins/plugin.hpp"

namespace slipway::health {

Json to_json(const Notice& notice) {
  return {{"kind", notice.kind == Notice::Kind::alert ? "alert" : "decision"},
          {"id", notice.id},
          {"severity", notice.severity},
          {"category", notice.kind == Notice::Kind::alert ? "vm_health" : "repair"},
          {"action", notice.action},
          {"title", notice.title},
          {"summary", notice.summary},
          {"source", notice.source},
          {"deployment", notice.deployment},
          {"instance", notice.instance},
          {"created_at", to_epoch_seconds(notice.at)}};
}

// Whatever an agent sends is passed on as it is; plugins read JSON.
static Json part_of(const Json& payload, const char* key, Json fallback) {
  const auto found = payload.find(key);
  return found == payload.end() ? fallback : *found;
}

Json to_json(const HeartbeatSample& sample) {
  return {{"kind", "heartbeat"},
          {"id", sample.agent + "." + std::to_string(to_epoch_seconds(sample.at))},
          {"timestamp", to_epoch_seconds(sample.at)},
          {"deployment", sample.deployment},
          {"agent_id", sample.agent},
          {"job", sample.group},
          {"index", std::to_string(sample.index)},
          {"instance_id", sample.instance_id},
          {"job_state", part_of(sample.payload, "job_state", "")},
          {"vitals", part_of(sample.payload, "vitals", Json::object())},
          {"number_of_processes", part_of(sample.payload, "number_of_processes", 0)},
          {"teams", sample.teams}};
}

}  // namespace slipway::health
