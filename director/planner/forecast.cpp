#include "director/planner/forecast.hpp"

#include <algorithm>
#include <unordered_map>

namespace slipway::director {

using std::chrono::milliseconds;

namespace {

std::optional<milliseconds> median(std::vector<milliseconds> values) {
  if (values.empty()) return std::nullopt;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <class Map, class Key>
std::optional<milliseconds> median_in(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? std::nullopt : median(found->second);
}

std::unordered_map<std::string, const InstanceChange*> changes_by_id(const Plan& plan) {
  std::unordered_map<std::string, const InstanceChange*> changes;
  for (const auto& change : plan.changes) changes.emplace(change.id.value, &change);
  return changes;
}

milliseconds rounds(std::size_t count, std::size_t at_once, milliseconds each) {
  at_once = std::max<std::size_t>(at_once, 1);
  return each * ((count + at_once - 1) / at_once);
}

// Adds up what is known; one unknown part makes the sum unknown.
class Sum {
 public:
  void add(const std::optional<milliseconds>& part) {
    if (!part) known_ = false;
    else total_ += *part;
  }
  std::optional<milliseconds> value() const { return known_ ? std::optional(total_) : std::nullopt; }

 private:
  milliseconds total_{0};
  bool known_ = true;
};

}  // namespace

void ChangeHistory::add(const std::string& group, const std::string& action, milliseconds took) {
  by_group_[{group, action}].push_back(took);
  by_action_[action].push_back(took);
}

std::optional<milliseconds> ChangeHistory::expected(const std::string& group, const std::string& action) const {
  const auto own = median_in(by_group_, std::pair(group, action));
  return own ? own : median_in(by_action_, action);
}

std::vector<PlanRow> rows_in_order(const Plan& plan, const ChangeHistory& history) {
  std::vector<PlanRow> rows;
  const auto changes = changes_by_id(plan);
  const auto add = [&](const InstanceChange& change, int batch, bool canary) {
    rows.push_back({&change, batch, canary, history.expected(change.group, to_string(change.action))});
  };
  for (const auto& change : plan.changes) {
    if (change.action == Action::remove) add(change, 0, false);
  }
  int number = 0;
  for (const auto& partition : plan.partitions) {
    for (const auto& batch : partition) {
      ++number;
      for (const auto& id : batch.instances) add(*changes.at(id.value), number, batch.canary);
    }
  }
  return rows;
}

std::optional<milliseconds> expected_duration(const Plan& plan, const ChangeHistory& history, std::size_t max_parallel) {
  Sum total;
  const auto changes = changes_by_id(plan);
  std::map<std::string, std::size_t> new_vms;
  for (const auto& change : plan.changes) {
    if (change.action == Action::remove) total.add(history.expected(change.group, to_string(Action::remove)));
    if (change.action == Action::create) ++new_vms[change.group];
  }
  for (const auto& [group, count] : new_vms) {
    const auto one = history.expected(group, vm_creation);
    total.add(one ? std::optional(rounds(count, max_parallel, *one)) : std::nullopt);
  }
  for (const auto& partition : plan.partitions) {
    std::map<std::string, Sum> groups;
    for (const auto& batch : partition) {
      std::optional<milliseconds> slowest = milliseconds{0};
      for (const auto& id : batch.instances) {
        const auto one = history.expected(batch.group, to_string(changes.at(id.value)->action));
        slowest = one && slowest ? std::optional(std::max(*slowest, *one)) : std::nullopt;
      }
      if (slowest) slowest = rounds(batch.instances.size(), static_cast<std::size_t>(std::max(batch.max_in_flight, 1)), *slowest);
      groups[batch.group].add(slowest);
    }
    // Groups of one partition run side by side.
    std::optional<milliseconds> longest = milliseconds{0};
    for (const auto& [group, sum] : groups) {
      longest = longest && sum.value() ? std::optional(std::max(*longest, *sum.value())) : std::nullopt;
    }
    total.add(longest);
  }
  return total.value();
}

}  // namespace slipway::director
