#include "cli/task_watch.hpp"

#include "cli/cluster_view.hpp"

namespace slipway::cli {

std::string time_text(const Json& object, const char* key) {
  const auto seconds = object.value(key, std::int64_t{0});
  return seconds == 0 ? "" : to_rfc3339(from_epoch_seconds(seconds));
}

std::string task_text(const Json& task) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& member : task.value("clusters", Json::array())) {
    rows.push_back({field(member, "cluster_name"), field(member, "last_action_state"),
                    time_text(member, "start_time"), time_text(member, "end_time"),
                    field(member, "is_canary"), field(member, "last_action_description")});
  }
  return "\n" +
         block({{"Task ID", field(task, "uuid")},
                {"Type", field(task, "type")},
                {"Status", field(task, "status")},
                {"Phase", field(task, "phase")},
                {"Start", time_text(task, "start_time")},
                {"End", time_text(task, "end_time")}}) +
         "\n" + table({"Name", "Status", "Start", "End", "isCanary", "Remark"}, rows) + "\n";
}

TaskWatch::TaskWatch(Terminal& terminal, Api& api, Clock& clock, bool json)
    : api_(api), clock_(clock), out_(json ? terminal.err : terminal.out) {}

void TaskWatch::show(const Json& task) {
  for (const auto& member : task.value("clusters", Json::array())) {
    const auto name = field(member, "cluster_name"), state = field(member, "last_action_state");
    if (member.value("start_time", 0L) != 0 && begun_.insert(name).second) {
      out_ << "Upgrade of cluster " << printable(name) << " has begun\n";
    }
    if (member.value("end_time", 0L) == 0 || !ended_.insert(name).second) continue;
    const auto why = field(member, "last_action_description");
    out_ << "Upgrade of cluster " << printable(name) << " "
         << (state == "queued" ? "was not begun" : printable(state))
         << (why.empty() ? "" : ": " + printable(why)) << "\n";
  }
  const bool paused = field(task, "phase") == "paused";
  if (paused && !paused_) out_ << "The task is paused; go on with: pks resume-task " << field(task, "uuid") << "\n";
  paused_ = paused;
  out_ << std::flush;
}

Json TaskWatch::wait(const std::string& id, const std::set<std::string>& phases, std::chrono::seconds limit) {
  const auto deadline = clock_.monotonic() + limit;
  while (true) {
    auto task = api_.get("/v1/tasks/" + http::url_encode(id));
    show(task);
    if (task.value("end_time", 0L) != 0 || phases.contains(field(task, "phase"))) return task;
    if (clock_.monotonic() >= deadline) {
      throw Exit(exit_timeout, "the task still goes on; look again with: pks task " + id);
    }
    clock_.sleep_for(std::chrono::seconds(1));
  }
}

void require_all_upgraded(const Json& task) {
  for (const auto& member : task.value("clusters", Json::array())) {
    if (field(member, "last_action_state") == "succeeded") continue;
    throw Exit(exit_failed, "not all clusters were upgraded; see: pks task " + field(task, "uuid"));
  }
}

}  // namespace slipway::cli
