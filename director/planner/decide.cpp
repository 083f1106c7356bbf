#include <algorithm>
#include <iterator>
#include <tuple>
#include <unordered_map>

#include "base/digest.hpp"
#include "director/planner/changes.hpp"
#include "director/planner/plan.hpp"

namespace slipway::director {

namespace {

// The batches of one group: AZ after AZ, the bootstrap instance's first, and in the first AZ
// the canaries before the rest.
class GroupBatches {
 public:
  GroupBatches(const InstanceGroup& group, const DeployOptions& options, bool initial)
      : group_(group), initial_(initial), canaries_(group.update.canaries), in_flight_(group.update.max_in_flight) {
    if (options.canaries) canaries_ = Amount::parse(*options.canaries).value_or(canaries_);
    if (options.max_in_flight) in_flight_ = Amount::parse(*options.max_in_flight).value_or(in_flight_);
  }

  std::vector<Batch> of(std::vector<const PlannedInstance*> instances, const std::string& bootstrap_az) {
    std::unordered_map<std::string, std::size_t> order;
    order.emplace(bootstrap_az, 0);
    for (const auto& az : group_.azs) order.emplace(az, order.size());
    std::stable_sort(instances.begin(), instances.end(), [&](const PlannedInstance* a, const PlannedInstance* b) {
      return std::tuple(order[a->az], !a->bootstrap, a->index) < std::tuple(order[b->az], !b->bootstrap, b->index);
    });
    std::vector<Batch> batches;
    if (initial_ && group_.update.initial_deploy_parallel_azs) {
      add(batches, "", false, instances.begin(), instances.end(), static_cast<int>(instances.size()));
      return batches;
    }
    for (auto begin = instances.begin(); begin != instances.end();) {
      const auto& az = (*begin)->az;
      const auto end = std::find_if(begin, instances.end(), [&](const PlannedInstance* planned) { return planned->az != az; });
      const auto count = static_cast<int>(end - begin);
      auto rest = begin;
      if (begin == instances.begin()) {
        rest += std::min(canaries_.of(count, 0), count);
        add(batches, az, true, begin, rest, count);
      }
      add(batches, az, false, rest, end, count);
      begin = end;
    }
    return batches;
  }

 private:
  using Iterator = std::vector<const PlannedInstance*>::iterator;
  void add(std::vector<Batch>& batches, const std::string& az, bool canary, Iterator begin, Iterator end, int az_count) {
    if (begin == end) return;
    Batch batch{group_.name, az, canary, in_flight_.of(az_count, 1), {}};
    for (; begin != end; ++begin) batch.instances.push_back((*begin)->id);
    batches.push_back(std::move(batch));
  }

  const InstanceGroup& group_;
  bool initial_;
  Amount canaries_, in_flight_;
};

// A new instance's random id says nothing; its group and index do. So a plan made twice
// before it is carried out has one hash.
class PlanHash {
 public:
  explicit PlanHash(const Assignment& assignment) {
    for (const auto& planned : assignment.instances) {
      if (planned.is_new) stable_[planned.id.value] = "new " + planned.group + "/" + std::to_string(planned.index);
    }
  }

  std::string of(const Plan& plan) {
    number(plan.changes.size());
    for (const auto& change : plan.changes) {
      add(stable(change.id));
      add(change.group);
      add(to_string(change.action));
      add(to_string(change.target));
      number(change.needs_disk_change);
      number(change.reasons.size());
      for (const auto& reason : change.reasons) {
        add(reason.code);
        add(reason.text);
      }
      number(change.cpi_calls.size());
      for (const auto& call : change.cpi_calls) add(dump(call));
    }
    number(plan.partitions.size());
    for (const auto& partition : plan.partitions) {
      number(partition.size());
      for (const auto& batch : partition) {
        add(batch.group);
        add(batch.az);
        number(batch.canary);
        number(static_cast<std::size_t>(batch.max_in_flight));
        number(batch.instances.size());
        for (const auto& id : batch.instances) add(stable(id));
      }
    }
    return sha256_hex(text_);
  }

 private:
  // Each with its length in front, so that no two plans read alike.
  void add(const std::string& field) {
    number(field.size());
    text_ += field;
  }
  void number(std::size_t value) {
    text_ += std::to_string(value);
    text_ += ' ';
  }
  const std::string& stable(const InstanceId& id) const {
    const auto at = stable_.find(id.value);
    return at == stable_.end() ? id.value : at->second;
  }

  std::unordered_map<std::string, std::string> stable_;
  std::string text_;
};

template <class Value>
const Value* find_in(const std::map<InstanceId, Value>& map, const InstanceId& id) {
  const auto at = map.find(id);
  return at == map.end() ? nullptr : &at->second;
}

struct GroupWork {
  std::vector<const PlannedInstance*> changed;
  std::string bootstrap_az;
  bool initial = true;
};

}  // namespace

std::string to_string(Action action) {
  switch (action) {
    case Action::none: return "none";
    case Action::create: return "create";
    case Action::update: return "update";
    case Action::recreate: return "recreate";
    case Action::remove: return "remove";
    case Action::metadata: return "metadata";
  }
  return "none";
}

Plan decide(const Desired& desired, const World& world, const Assignment& assignment,
            const std::map<InstanceId, RenderedSummary>& rendered,
            const std::map<InstanceId, Json>& packages_by_instance) {
  Plan plan;
  std::unordered_map<std::string, const ActualInstance*> actual;
  actual.reserve(world.instances.size());
  for (const auto& instance : world.instances) actual.emplace(instance.record.id.value, &instance);

  const ChangeDetector detector(desired);
  std::unordered_map<std::string, GroupWork> work;
  for (const auto& planned : assignment.instances) {
    const auto at = actual.find(planned.id.value);
    const auto* before = at == actual.end() ? nullptr : at->second;
    auto change = detector.detect(planned, before, find_in(rendered, planned.id), find_in(packages_by_instance, planned.id));
    change.cpi_calls = foreseen_cpi_calls(world, &planned, before, change);
    auto& group = work[planned.group];
    if (planned.bootstrap) group.bootstrap_az = planned.az;
    if (before != nullptr) group.initial = false;
    if (change.action != Action::none) group.changed.push_back(&planned);
    plan.changes.push_back(std::move(change));
  }
  for (const auto& id : assignment.obsolete) {
    const auto at = actual.find(id.value);
    if (at == actual.end()) continue;
    auto change = detector.removal(*at->second);
    change.cpi_calls = foreseen_cpi_calls(world, nullptr, at->second, change);
    plan.changes.push_back(std::move(change));
  }

  bool open = false;  // the last partition is of parallel groups and takes more of them
  for (const auto& group : desired.manifest.instance_groups) {
    auto& entry = work[group.name];
    auto batches = GroupBatches(group, desired.options, entry.initial).of(std::move(entry.changed), entry.bootstrap_az);
    // A serial group separates the parallel ones around it even when it has nothing to do.
    if (group.update.serial) open = false;
    if (batches.empty()) continue;
    if (!open) plan.partitions.emplace_back();
    auto& partition = plan.partitions.back();
    partition.insert(partition.end(), std::make_move_iterator(batches.begin()), std::make_move_iterator(batches.end()));
    open = !group.update.serial;
  }
  plan.hash = PlanHash(assignment).of(plan);
  return plan;
}

}  // namespace slipway::director
