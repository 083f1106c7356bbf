#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "director/planner/plan.hpp"

// How a plan will be carried out, for people to read beforehand: in which order, and how long
// it will take if things go as they went before.
namespace slipway::director {

// The stage "Creating missing vms" has a duration of its own, beside those of the actions.
inline constexpr const char* vm_creation = "create_vm";

// How long changes took before. An expectation is the median of the group's, or else of all
// groups' changes of that kind; none without history.
class ChangeHistory {
 public:
  void add(const std::string& group, const std::string& action, std::chrono::milliseconds took);
  std::optional<std::chrono::milliseconds> expected(const std::string& group, const std::string& action) const;

 private:
  std::map<std::pair<std::string, std::string>, std::vector<std::chrono::milliseconds>> by_group_;
  std::map<std::string, std::vector<std::chrono::milliseconds>> by_action_;
};

struct PlanRow {
  const InstanceChange* change = nullptr;  // into the plan
  int batch = 0;                           // 1, 2, …; 0: before all batches
  bool canary = false;
  std::optional<std::chrono::milliseconds> expected;
};

// Every instance that changes, in the order of its turn: removals, then batch by batch.
std::vector<PlanRow> rows_in_order(const Plan& plan, const ChangeHistory& history);

// What all changes take together, without compilation; nullopt while any of them has no history.
std::optional<std::chrono::milliseconds> expected_duration(const Plan& plan, const ChangeHistory& history,
                                                           std::size_t max_parallel);

}  // namespace slipway::director
