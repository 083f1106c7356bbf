#include "director/executor/plan_report.hpp"

#include "cpi/contract/redaction.hpp"

namespace slipway::director {

namespace {

using std::chrono::milliseconds;

// "850 ms", "12 s", "3 min 20 s"
std::string shown(milliseconds time) {
  if (time < milliseconds{1000}) return std::to_string(time.count()) + " ms";
  const auto seconds = (time.count() + 500) / 1000;
  if (seconds < 120) return std::to_string(seconds) + " s";
  return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
}

Json seconds_or_null(const std::optional<milliseconds>& time) {
  return time ? Json(static_cast<double>(time->count()) / 1000) : Json();
}

// A new instance has no id before it is made: the one of this plan will be another's.
bool is_new(const InstanceChange& change) { return !change.reasons.empty() && change.reasons.front().code == "new"; }

std::string name_of(const InstanceChange& change) {
  auto name = change.name;
  if (is_new(change)) name.replace(name.find(change.id.value), change.id.value.size(), "new");
  return name;
}

std::string reasons_of(const InstanceChange& change) {
  std::string text;
  for (const auto& reason : change.reasons) text += (text.empty() ? "" : "; ") + reason.text;
  return text;
}

std::string calls_of(const InstanceChange& change) {
  std::string text;
  for (const auto& call : change.cpi_calls) text += (text.empty() ? "" : ", ") + call.at("method").get<std::string>();
  return text.empty() ? "no CPI call" : "CPI: " + text;
}

std::string line(const PlanRow& row) {
  const auto& change = *row.change;
  auto text = name_of(change) + ": " + to_string(change.action) + " (" + reasons_of(change) + "); " + calls_of(change);
  if (row.batch > 0) text += "; batch " + std::to_string(row.batch) + (row.canary ? " (canary)" : "");
  if (row.expected) text += "; about " + shown(*row.expected);
  return text;
}

Json object(const PlanRow& row, int order) {
  const auto& change = *row.change;
  Json reasons = Json::array(), calls = Json::array();
  for (const auto& reason : change.reasons) reasons.push_back({{"code", reason.code}, {"text", reason.text}});
  // Cloud properties come from configs and can hold what only the cloud should know.
  for (const auto& call : change.cpi_calls) calls.push_back(cpi::Redactor(call).json(call));
  return {{"order", order},
          {"instance", name_of(change)},
          {"instance_group", change.group},
          {"action", to_string(change.action)},
          {"target_state", to_string(change.target)},
          {"reasons", std::move(reasons)},
          {"cpi_calls", std::move(calls)},
          {"batch", row.batch > 0 ? Json(row.batch) : Json()},
          {"canary", row.canary},
          {"predicted_seconds", seconds_or_null(row.expected)}};
}

std::string summary(const PlanReport& report, std::size_t changed, const std::optional<milliseconds>& duration) {
  const auto untouched = report.plan.changes.size() - changed;
  std::string text = std::to_string(changed) + " of " + std::to_string(report.plan.changes.size()) + " instances change, " +
                     std::to_string(untouched) + " do not";
  if (!report.to_compile.empty()) text += "; " + std::to_string(report.to_compile.size()) + " packages are compiled first";
  if (changed == 0) return text;
  return text + (duration ? "; about " + shown(*duration) + " by earlier deploys of it"
                          : "; how long it takes is not known yet: some of this was never done here");
}

}  // namespace

void report_plan(TaskContext& task, const PlanReport& report) {
  const auto rows = rows_in_order(report.plan, report.history);
  const auto duration = expected_duration(report.plan, report.history, report.max_parallel);
  TaskContext::Stage stage(task, "Planned changes", static_cast<int>(rows.size() + 1));
  const auto nothing = [](TaskContext::Step&) {};
  int order = 0;
  for (const auto& row : rows) {
    stage.run(line(row), nothing);
    task.result_line(dump(object(row, ++order)));
  }
  stage.run(summary(report, rows.size(), duration), nothing);
  task.result_line(dump({{"plan_hash", report.plan.hash},
                         {"changed_instances", rows.size()},
                         {"unchanged_instances", report.plan.changes.size() - rows.size()},
                         {"packages_to_compile", report.to_compile},
                         {"predicted_seconds", rows.empty() ? Json(0) : seconds_or_null(duration)}}));
}

}  // namespace slipway::director
