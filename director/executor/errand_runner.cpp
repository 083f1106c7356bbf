#include "director/executor/errand_runner.hpp"

#include "director/executor/fetch_logs.hpp"
#include "director/executor/recorded_action.hpp"
#include "director/executor/vm_steps.hpp"

namespace slipway::director {

namespace {

constexpr const char* run_step = "run_errand";
constexpr const char* begin_step = "begin_errand";
constexpr int invalid_task_result = 400011;
// An agent ends an errand's processes within seconds.
constexpr std::chrono::minutes end_limit{5};

void check_result(const Json& value) {
  const auto is = [&](const char* key, auto test) { return value.contains(key) && (value[key].*test)(); };
  if (value.is_object() && is("exit_code", &Json::is_number_integer) && is("stdout", &Json::is_string) &&
      is("stderr", &Json::is_string)) {
    return;
  }
  throw Error(Fault::internal, "the agent's answer has no exit_code, stdout and stderr", invalid_task_result);
}

}  // namespace

bool is_cancellation(const TaskContext& task, const Error& error) {
  return error.fault() == Fault::cancelled && task.cancelled() && !task.interrupted();
}

bool ErrandRunner::has_run(const InstanceId& instance) const {
  for (const auto& step : services_.stores.journal.of_task(task_.task().id)) {
    if (step.kind == run_step && step.key == instance.value) return step.outcome.has_value();
  }
  return false;
}

Json ErrandRunner::run(const DeployedErrands::Target& target, const AgentId& agent) {
  task_.checkpoint();
  auto& journal = services_.stores.journal;
  const auto& instance = target.instance;
  const auto step = journal.begin(task_.task().id, run_step, instance.id.value, {{"job", target.job}},
                                  services_.clock.now());
  if (step.outcome) return *step.outcome;
  if (agent.empty()) throw Error(Fault::not_found, "it has no VM any more");
  Json row = {{"instance", {{"group", instance.group}, {"id", instance.id.value}}}, {"errand_name", errand_}};
  TaskContext::Stage stage(task_, "Running errand", 1);
  stage.run(instance.name(), [&](TaskContext::Step&) {
    record(target, Json::object());
    const Json value = converse(target, agent);
    check_result(value);
    for (const char* key : {"exit_code", "stdout", "stderr"}) row[key] = value[key];
  });
  row["logs"] = logs_of(target, agent);
  journal.finish(step.id, row, services_.clock.now());
  record(target, {{"exit_code", row["exit_code"]}});
  return row;
}

// The agent's task for this errand, begun by now or by an earlier start of the task. One whose
// beginning nobody confirmed is asked for again by the same id, so that the agent tells whether it has begun.
std::string ErrandRunner::begin(const DeployedErrands::Target& target, const AgentId& agent) {
  auto& journal = services_.stores.journal;
  const auto step =
      journal.begin(task_.task().id, begin_step, target.instance.id.value + "/" + agent.value,
                    {{"job", target.job}, {"request_id", services_.random.uuid()}}, services_.clock.now());
  if (step.outcome) return step.outcome->value("agent_task_id", "");
  auto begun = VmSteps(services_, task_)
                   .agent(agent)
                   .begin("run_errand", Json::array({target.job}), step.intent.value("request_id", ""));
  journal.finish(step.id, {{"agent_task_id", begun}}, services_.clock.now());
  return begun;
}

Json ErrandRunner::converse(const DeployedErrands::Target& target, const AgentId& agent) {
  const auto agent_task = begin(target, agent);
  try {
    return VmSteps(services_, task_).agent(agent).await(agent_task);
  } catch (const Error& error) {
    if (!is_cancellation(task_, error)) throw;
  }
  auto quiet = task_.undisturbed();
  auto conversation = VmSteps(services_, quiet).agent(agent);
  conversation.call("cancel_task", Json::array({agent_task}));
  return conversation.await(agent_task, end_limit);
}

// An errand has run, whatever comes of its logs.
Json ErrandRunner::logs_of(const DeployedErrands::Target& target, const AgentId& agent) {
  try {
    auto quiet = task_.undisturbed();
    const auto logs = fetch_instance_logs(services_, quiet, target.instance, agent, {.types = "job"});
    return {{"blobstore_id", logs.blob.value}, {"sha1", logs.sha1}};
  } catch (const Error& error) {
    if (error.fault() == Fault::cancelled) throw;
    task_.warning("no logs of " + target.instance.group + "/" + target.instance.id.value + ": " + error.what());
    return {{"blobstore_id", nullptr}, {"sha1", nullptr}};
  }
}

void ErrandRunner::record(const DeployedErrands::Target& target, const Json& context) {
  record_event(services_, task_, {"run", "errand", errand_, deployment_, instance_path(target.instance), context});
}

}  // namespace slipway::director
