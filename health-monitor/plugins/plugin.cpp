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

Json to_json(const HeartbeatSample& sample) {
  return {{"kind", "heartbeat"},
          {"id", sample.agent + "." + std::to_string(to_epoch_seconds(sample.at))},
          {"timestamp", to_epoch_seconds(sample.at)},
          {"deployment", sample.deployment},
          {"agent_id", sample.agent},
          {"job", sample.group},
          {"index", std::to_string(sample.index)},
          {"instance_id", sample.instance_id},
          {"job_state", sample.payload.value("job_state", "")},
          {"vitals", sample.payload.value("vitals", Json::object())},
          {"number_of_processes", sample.payload.value("number_of_processes", 0)},
          {"teams", sample.teams}};
}

}  // namespace slipway::health
