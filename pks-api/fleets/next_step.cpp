#include <algorithm>

#include "pks-api/fleets/fleets.hpp"

namespace slipway::pks {

FleetStep next_step(const FleetTask& task) {
  FleetStep step;
  std::size_t running = 0;
  bool canary_open = false, canary_failed = false;
  std::vector<std::size_t> waiting;
  for (std::size_t i = 0; i < task.members.size(); ++i) {
    const auto& member = task.members[i];
    if (member.state == in_progress) ++running;
    if (member.state == "queued" && member.ended_at == 0) waiting.push_back(i);
    if (!member.is_canary) continue;
    canary_failed = canary_failed || member.state == failed;
    canary_open = canary_open || (member.state != succeeded && member.ended_at == 0);
  }
  if (task.status == "canceled" || canary_failed) {
    step.drop = waiting;
    step.why =
        canary_failed ? "not begun: the upgrade of a canary failed" : "not begun: the task was canceled";
    step.ended = running == 0;
    return step;
  }
  if (task.wish == "pause") {
    step.ended = running == 0 && waiting.empty();
    return step;
  }
  const auto limit = canary_open ? std::size_t{1} : static_cast<std::size_t>(task.max_in_flight);
  for (const auto index : waiting) {
    if (running + step.begin.size() >= limit) break;
    if (canary_open && !task.members[index].is_canary) break;
    step.begin.push_back(index);
  }
  step.ended = running == 0 && waiting.empty();
  return step;
}

std::string phase_of(const FleetTask& task) {
  if (task.ended_at != 0) return "ended";
  if (task.wish == "abort") return "aborting";
  if (task.status == "canceled") return "canceling";
  if (task.wish.empty()) return "running";
  const bool runs = std::any_of(task.members.begin(), task.members.end(),
                                [](const auto& member) { return member.state == in_progress; });
  return runs ? "pausing" : "paused";
}

}  // namespace slipway::pks
