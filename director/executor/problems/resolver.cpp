#include "director/executor/problems/resolver.hpp"

#include <algorithm>

#include "base/parallel.hpp"
#include "base/yaml.hpp"
#include "director/executor/problems/checks.hpp"
#include "director/executor/recorded_action.hpp"
#include "director/executor/world.hpp"
#include "director/variables/variables.hpp"

namespace slipway::director {

namespace {

constexpr const char* resolve_step = "resolve_problem";

// A disk that is given up must be so before a VM is made to take it.
bool comes_first(const ProblemRecord& a, const ProblemRecord& b) {
  const auto rank = [](const ProblemRecord& problem) { return problem.type == ProblemType::missing_disk ? 0 : 1; };
  return std::pair(rank(a), a.id) < std::pair(rank(b), b.id);
}

}  // namespace

int ProblemResolver::resolve(const Choices& choices,
                             const std::map<std::string, Amount>& max_in_flight_overrides) {
  std::vector<ProblemRecord> problems;
  for (const auto& [id, choice] : choices) {
    auto problem = services_.stores.problems.find(id);
    if (problem && problem->deployment == deployment_) {
      problems.push_back(std::move(*problem));
    } else {
      task_.warning("Problem " + std::to_string(id) + " is not known in deployment '" + deployment_ + "'");
    }
  }
  for (const auto& step : services_.stores.journal.unfinished(task_.task().id)) {
    if (step.kind == resolve_step) begun_before_.insert(step.key);
  }
  TaskContext::Stage stage(task_, "Applying problem resolutions", static_cast<int>(problems.size()));
  const auto groups = grouped(std::move(problems), max_in_flight_overrides);
  for (auto first = groups.begin(); first != groups.end();) {
    const auto last = first->serial ? std::next(first)
                                    : std::find_if(first, groups.end(), [](const Group& g) { return g.serial; });
    const auto together = static_cast<std::size_t>(last - first);
    parallel_for(together, together,
                 [&](std::size_t i) { work_on(first[static_cast<std::ptrdiff_t>(i)], choices, stage); });
    first = last;
  }
  if (errors_.empty()) return resolved_;
  std::string text;
  for (const auto& [id, error] : errors_) {
    text += (text.empty() ? "" : "\n") + ("Error resolving problem '" + std::to_string(id) + "': ") + error;
  }
  throw Error(Fault::internal, text);
}

// Groups of the manifest that runs, whose problems shall not wait for a manifest that cannot be read.
std::vector<ProblemResolver::Group> ProblemResolver::groups_of_manifest() const {
  std::vector<Group> groups;
  const auto deployment = services_.stores.deployments.find(deployment_);
  if (!deployment || deployment->manifest.empty()) return groups;
  try {
    Variables variables(services_.stores.variable_values, services_.settings.director_name, services_.clock);
    const auto manifest =
        parse_manifest(variables.interpolate(parse_yaml(deployment->manifest, "manifest"), deployment_));
    for (const auto& group : manifest.instance_groups)
      groups.push_back({group.name, group.update.serial, group.update.max_in_flight, {}});
  } catch (const Error& error) {
    task_.warning("one instance after the other is repaired, because the manifest cannot be read: " +
                  std::string(error.what()));
    groups.clear();
  }
  return groups;
}

std::vector<ProblemResolver::Group> ProblemResolver::grouped(std::vector<ProblemRecord> problems,
                                                             const std::map<std::string, Amount>& overrides) const {
  std::sort(problems.begin(), problems.end(), comes_first);
  auto groups = groups_of_manifest();
  for (auto& problem : problems) {
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.name == problem.group; });
    if (group == groups.end()) group = groups.insert(groups.end(), {.name = problem.group});
    auto& lists = group->by_instance;
    const auto list = std::find_if(lists.begin(), lists.end(),
                                   [&](const auto& known) { return known.front().instance == problem.instance; });
    if (list == lists.end()) {
      lists.push_back({std::move(problem)});
    } else {
      list->push_back(std::move(problem));
    }
  }
  std::erase_if(groups, [](const Group& group) { return group.by_instance.empty(); });
  for (auto& group : groups) {
    if (const auto own = overrides.find(group.name); own != overrides.end()) group.max_in_flight = own->second;
  }
  return groups;
}

void ProblemResolver::work_on(const Group& group, const Choices& choices, TaskContext::Stage& stage) {
  const auto at_once = group.max_in_flight.of(static_cast<int>(group.by_instance.size()), 1);
  parallel_for(group.by_instance.size(),
               std::min(static_cast<std::size_t>(at_once), services_.settings.max_parallel), [&](std::size_t i) {
                 for (const auto& problem : group.by_instance[i]) work_on(problem, choices.at(problem.id), stage);
               });
}

// The journal keeps what is behind: a task taken up again goes on with the first that is not.
void ProblemResolver::work_on(const ProblemRecord& problem, const std::optional<std::string>& choice,
                              TaskContext::Stage& stage) {
  task_.checkpoint();
  auto& journal = services_.stores.journal;
  const auto vm = services_.stores.vms.active_of(problem.instance);
  const auto begun = journal.begin(task_.task().id, resolve_step, std::to_string(problem.id),
                                   {{"agent", vm ? vm->agent.value : ""}}, services_.clock.now());
  if (begun.outcome) return count(problem, begun.outcome->value("error", ""));
  if (problem.state != ProblemState::open) {
    stage.run("Ignoring problem " + std::to_string(problem.id) + " (state is '" + to_string(problem.state) + "')",
              [](TaskContext::Step&) {});
    return;
  }
  std::string failure;
  try {
    repair(problem, choice, begun, stage);
    services_.stores.problems.resolve(problem.id);
  } catch (const Error& error) {
    if (error.fault() == Fault::cancelled) throw;
    failure = error.what();
  }
  journal.finish(begun.id, {{"error", failure}}, services_.clock.now());
  count(problem, failure);
}

void ProblemResolver::repair(const ProblemRecord& problem, const std::optional<std::string>& choice,
                             const StepRecord& begun, TaskContext::Stage& stage) {
  const auto* resolution =
      choice ? find_resolution(problem.type, *choice) : &default_resolution(problem.type);
  const auto plan = resolution ? resolution->plan : "no resolution";
  stage.run(problem.description + " (" + problem.summary() + "): " + plan, [&](TaskContext::Step& step) {
    if (!resolution) {
      throw Error(Fault::invalid, "'" + *choice + "' is no resolution of a problem '" + to_string(problem.type) + "'",
                  410003);
    }
    const Attempt attempt{begun_before_.contains(begun.key), begun.intent.value("agent", "")};
    const EventSubject subject{to_string(resolution->repair), "problem", problem.summary(), deployment_,
                               problem.group + "/" + problem.instance.value};
    recorded(services_, task_, subject, [&](EventSubject&) {
      Repairs(services_, task_, deployment_).apply(problem, resolution->repair, attempt, step);
    });
  });
}

void ProblemResolver::count(const ProblemRecord& problem, const std::string& error) {
  std::lock_guard lock(mutex_);
  if (error.empty()) {
    ++resolved_;
  } else {
    errors_.emplace(problem.id, error);
  }
}

void run_post_deploys(Services& services, TaskContext& task, const std::string& deployment) {
  const auto instances = stored_instances(services.stores, deployment);
  InstanceSteps steps(services, task);
  parallel_for(instances.size(), services.settings.max_parallel, [&](std::size_t i) {
    const auto& instance = instances[i];
    const bool runs = instance.record.state == InstanceState::started && instance.record.update_completed;
    if (!instance.vm || !runs || instance.record.ignore) return;
    // Another one may be down as well, and the repaired ones shall not wait for it as long as for a script.
    if (!agent_answers(services, instance.vm->agent))
      return task.warning(instance.record.name() + " does not answer and runs no post-deploy script");
    try {
      steps.run_script(instance.vm->agent, "post-deploy");
    } catch (const Error& error) {
      if (error.fault() == Fault::cancelled) throw;
      task.warning(instance.record.name() + ": " + error.what());
    }
  });
}

}  // namespace slipway::director
