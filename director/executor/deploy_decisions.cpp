#include <algorithm>

#include "director/executor/compiler.hpp"
#include "director/executor/deploy.hpp"
#include "director/executor/plan_report.hpp"
#include "director/planner/silence.hpp"

namespace slipway::director {

void Deploy::decide_changes() {
  std::map<InstanceId, RenderedSummary> summaries;
  for (const auto& planned : assignment_.instances) {
    packages_[planned.id] = packages_of(planned);
    const auto& rendered = *rendered_by_id_.at(planned.id);
    RenderedSummary summary{.configuration_hash = rendered.configuration_hash};
    for (const auto& [job, hash] : rendered.template_hashes) summary.template_hashes[job] = hash;
    summaries.emplace(planned.id, std::move(summary));
  }
  plan_ = decide(desired_, world_, assignment_, summaries, packages_);
  for (const auto& change : plan_.changes) changes_[change.id] = &change;
  try {
    refuse_silent(desired_, world_, plan_);
  } catch (...) {
    give_back();
    throw;
  }
}

bool Deploy::some_are_silent() const {
  return std::any_of(world_.instances.begin(), world_.instances.end(),
                     [](const ActualInstance& instance) { return instance.vm && !instance.responsive; });
}

void Deploy::tell_decisions() {
  for (const auto& name : left_alone(desired_, world_, plan_)) {
    task_.warning(name + ": its agent does not answer and nothing has to be done to it; it is left alone. Repair it with "
                         "`bosh cck` or `bosh recreate --fix`");
  }
  for (const auto& change : plan_.changes) {
    std::string reasons;
    for (const auto& reason : change.reasons) reasons += (reasons.empty() ? "" : "; ") + reason.text;
    task_.debug("plan: " + change.name + ": " + to_string(change.action) +
                (reasons.empty() ? "" : " because " + reasons));
  }
  task_.debug("plan hash " + plan_.hash);
}

void Deploy::report() {
  tell_decisions();
  ChangeHistory history;
  for (const auto& past : services_.stores.change_durations.of(request_.deployment)) {
    history.add(past.group, past.action, past.took);
  }
  Compiler compiler(services_, task_, request_.deployment, desired_.cloud, world_, releases_in_use());
  report_plan(task_, {.plan = plan_,
                      .history = history,
                      .max_parallel = services_.settings.max_parallel,
                      .to_compile = compiler.names_of_missing(assignment_.packages)});
}

}  // namespace slipway::director
