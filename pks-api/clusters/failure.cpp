#include "pks-api/clusters/failure.hpp"

namespace slipway::pks {

namespace {

std::string text_in(const Json& object, const char* key) {
  const auto value = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && value != object.end() && value->is_string() ? value->get<std::string>() : "";
}

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
      if (auto message = text_in(*error, "message"); !message.empty()) task_error_ = std::move(message);
      continue;
    }
    if (text_in(event, "state") != "failed") continue;
    auto error = text_in(event.value("data", Json::object()), "error");
    // The director died in the middle of this step, and goes on with it when it is back.
    if (error == "interrupted") continue;
    stage_ = text_in(event, "stage");
    step_ = text_in(event, "task");
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
  const auto stage = text_in(failure, "stage"), step = text_in(failure, "step");
  auto text = stage;
  if (!step.empty() && step != stage) text += (text.empty() ? "" : ", ") + step;
  return text + (text.empty() ? "" : ": ") + text_in(failure, "reason") + ". " + text_in(failure, "advice") +
         ".";
}

}  // namespace slipway::pks
