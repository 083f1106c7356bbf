#include "pks-api/clusters/failure.hpp"
#include "base/json_text.hpp"

namespace slipway::pks {

namespace {

std::string advice_for(const std::string& action) {
  if (action == "CREATE")
    return "Create it again under its name, which goes on from what is there, or delete it";
  if (action == "DELETE") return "Delete it again";
  if (action == "UPGRADE") {
    return "Nodes after the one that failed were not touched. Upgrade it again to go on, or return to how it "
           "was with: "
           "pks upgrade-cluster --rollback";
  }
  return "Nodes after the one that failed were not touched. Ask for the update again, or for another one";
}

}  // namespace

void FailureReader::apply(const std::vector<std::string>& lines) {
  for (const auto& line : lines) {
    const auto event = Json::parse(line, nullptr, false);
    if (!event.is_object()) continue;
    if (const auto error = event.find("error"); error != event.end()) {
      if (auto message = text_or_empty(*error, "message"); !message.empty()) task_error_ = std::move(message);
      continue;
    }
    if (text_or_empty(event, "state") != "failed") continue;
    auto error = text_or_empty(event.value("data", Json::object()), "error");
    // The director died in the middle of this step, and goes on with it when it is back.
    if (error == "interrupted") continue;
    stage_ = text_or_empty(event, "stage");
    step_ = text_or_empty(event, "task");
    step_error_ = std::move(error);
  }
}

Json FailureReader::failure(const std::string& action, const std::string& otherwise) const {
  const auto& reason = !task_error_.empty() ? task_error_ : !step_error_.empty() ? step_error_ : otherwise;
  return {{"stage", stage_}, {"step", step_}, {"reason", reason}, {"advice", advice_for(action)}};
}

Json failure_of(const std::string& action, const std::string& reason) {
  return {{"stage", ""}, {"step", ""}, {"reason", reason}, {"advice", advice_for(action)}};
}

std::string told(const Json& failure) {
  const auto stage = text_or_empty(failure, "stage"), step = text_or_empty(failure, "step");
  auto text = stage;
  if (!step.empty() && step != stage) text += (text.empty() ? "" : ", ") + step;
  return text + (text.empty() ? "" : ": ") + text_or_empty(failure, "reason") + ". " + text_or_empty(failure, "advice") +
         ".";
}

}  // namespace slipway::pks
