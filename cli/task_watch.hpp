#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "cli/api.hpp"

namespace slipway::cli {

// A time of a task or of a member of it; empty: not yet.
std::string time_text(const Json& object, const char* key);

// A task of many upgrades with its clusters, as a block and a table.
std::string task_text(const Json& task);

// Tells of an upgrade of many as it goes: a line when a cluster's upgrade begins and one when it ends. In
// `json`, the lines go to err.
class TaskWatch {
 public:
  TaskWatch(Terminal& terminal, Api& api, Clock& clock, bool json);
  // The task once it is in one of `phases` or has ended. Exit(exit_timeout) after `limit`.
  Json wait(const std::string& id, const std::set<std::string>& phases, std::chrono::seconds limit);

 private:
  void show(const Json& task);
  Api& api_;
  Clock& clock_;
  std::ostream& out_;
  std::set<std::string> begun_, ended_;
  bool paused_ = false;
};

// Exit(exit_failed) unless all clusters of an ended task were upgraded.
void require_all_upgraded(const Json& task);

}  // namespace slipway::cli
