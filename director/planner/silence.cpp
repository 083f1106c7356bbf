#include "director/planner/silence.hpp"

#include <functional>
#include <unordered_map>

#include "director/domain/error_codes.hpp"
#include "director/planner/scope.hpp"

namespace slipway::director {

namespace {

// With its VM goes the agent, and only the cloud is told of other metadata.
bool needs_agent(Action action) {
  switch (action) {
    case Action::update:
    case Action::recreate:
    case Action::remove: return true;
    case Action::none:
    case Action::create:
    case Action::metadata: return false;
  }
  return true;
}

void each_silent(const Desired& desired, const World& world, const Plan& plan,
                 const std::function<void(const ActualInstance&, const InstanceChange&)>& visit) {
  std::unordered_map<std::string, const InstanceChange*> changes;
  for (const auto& change : plan.changes) changes.emplace(change.id.value, &change);
  for (const auto& instance : world.instances) {
    if (!instance.vm || instance.responsive || instance.record.ignore) continue;
    const auto change = changes.find(instance.record.id.value);
    if (change != changes.end() && in_scope(desired.options, instance.record)) visit(instance, *change->second);
  }
}

}  // namespace

std::vector<std::string> left_alone(const Desired& desired, const World& world, const Plan& plan) {
  std::vector<std::string> names;
  each_silent(desired, world, plan, [&](const ActualInstance& instance, const InstanceChange& change) {
    if (!needs_agent(change.action)) names.push_back(instance.record.name());
  });
  return names;
}

void refuse_silent(const Desired& desired, const World& world, const Plan& plan) {
  if (desired.options.fix) return;
  Problems silent;
  each_silent(desired, world, plan, [&](const ActualInstance& instance, const InstanceChange& change) {
    if (!needs_agent(change.action)) return;
    std::string reasons;
    for (const auto& reason : change.reasons) reasons += (reasons.empty() ? "" : "; ") + reason.text;
    silent.add(instance.record.name(),
               "its agent does not answer, and the plan is to " + to_string(change.action) + " it (" + reasons +
                   "); repair it with `bosh cck` or `bosh recreate --fix`, or deploy with `--fix`",
               code::agent_silent);
  });
  silent.throw_if_any("instances of deployment '" + desired.manifest.name + "'");
}

}  // namespace slipway::director
