#pragma once

#include <string>

#include "director/executor/services.hpp"
#include "director/planner/errands.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

// Runs one errand on one instance after the other, from any thread. What an agent was told, and
// what came of it, is in the task's journal: an interrupted task finds the errand that its agent
// goes on with, and one that has ended does not run again.
class ErrandRunner {
 public:
  ErrandRunner(Services& services, TaskContext& task, std::string deployment, std::string errand)
      : services_(services), task_(task), deployment_(std::move(deployment)), errand_(std::move(errand)) {}

  // The row of the task's result: {instance, errand_name, exit_code, stdout, stderr, logs}. When
  // the task is cancelled the agent ends the errand, and the row says with which exit code.
  Json run(const DeployedErrands::Target& target, const AgentId& agent);

  // Whether an earlier start of the task saw the end of this one.
  bool has_run(const InstanceId& instance) const;

 private:
  Json converse(const DeployedErrands::Target& target, const AgentId& agent);
  std::string begin(const DeployedErrands::Target& target, const AgentId& agent);
  Json logs_of(const DeployedErrands::Target& target, const AgentId& agent);
  void record(const DeployedErrands::Target& target, const Json& context);

  Services& services_;
  TaskContext& task_;
  std::string deployment_, errand_;
};

// Whether a failure is the user's wish to cancel the task, and not the end of the director.
bool is_cancellation(const TaskContext& task, const Error& error);

}  // namespace slipway::director
