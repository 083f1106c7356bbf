#include "director/planner/errands.hpp"

#include <algorithm>

#include "director/domain/error_codes.hpp"

namespace slipway::director {

namespace {

bool has_something_to_run(const JobRecord& job) {
  const auto templates = job.spec.find("templates");
  if (templates == job.spec.end() || !templates->is_object()) return false;
  return std::any_of(templates->begin(), templates->end(), [](const Json& target) { return target == "bin/run"; });
}

// The jobs an instance was deployed with, addons' among them.
std::vector<std::string> deployed_jobs(const Json& spec) {
  std::vector<std::string> names;
  if (!spec.contains("job")) return names;
  for (const auto& job : spec["job"].value("templates", Json::array())) names.push_back(job.value("name", ""));
  return names;
}

std::string shown(const InstanceFilter& filter) {
  return filter.group + (filter.id.empty() ? "" : "/" + filter.id);
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

DeployedErrands::DeployedErrands(const Manifest& manifest, const std::vector<InstanceRecord>& instances,
                                 const std::vector<ReleaseRecord>& releases)
    : manifest_(manifest), instances_(instances) {
  for (const auto& release : releases) {
    for (const auto& job : release.jobs) {
      if (!has_something_to_run(job)) continue;
      runnable_.insert({release.name, job.name});
      runnable_names_.insert(job.name);
    }
  }
}

std::vector<InstanceRecord> DeployedErrands::instances_of(const std::string& group) const {
  std::vector<InstanceRecord> found;
  std::copy_if(instances_.begin(), instances_.end(), std::back_inserter(found),
               [&](const InstanceRecord& instance) { return instance.group == group; });
  std::sort(found.begin(), found.end(),
            [](const InstanceRecord& a, const InstanceRecord& b) { return a.index < b.index; });
  return found;
}

std::vector<std::string> DeployedErrands::runnable_jobs(const InstanceGroup& group) const {
  std::vector<std::string> names, in_manifest;
  for (const auto& job : group.jobs) {
    in_manifest.push_back(job.name);
    if (runnable_.contains({job.release, job.name})) names.push_back(job.name);
  }
  for (const auto& instance : instances_of(group.name)) {
    for (const auto& job : deployed_jobs(instance.spec)) {
      if (runnable_names_.contains(job) && !holds(in_manifest, job) && !holds(names, job)) names.push_back(job);
    }
  }
  return names;
}

std::vector<std::string> DeployedErrands::names() const {
  std::set<std::string> names;
  for (const auto& group : manifest_.instance_groups) {
    if (group.lifecycle == Lifecycle::errand) names.insert(group.name);
    for (auto& job : runnable_jobs(group)) names.insert(std::move(job));
  }
  return {names.begin(), names.end()};
}

// Filters are about the whole deployment: one that picks an instance without the errand is fine,
// one that picks nothing is not.
std::set<InstanceId> DeployedErrands::wanted(const ErrandRequest& request) const {
  std::set<InstanceId> ids;
  if (request.instances.empty()) {
    for (const auto& instance : instances_) ids.insert(instance.id);
    return ids;
  }
  std::vector<std::string> unmatched;
  for (const auto& filter : request.instances) {
    auto candidates = instances_of(filter.group);
    if (filter.id == "first" && !candidates.empty()) {
      candidates = {*std::min_element(
          candidates.begin(), candidates.end(),
          [](const InstanceRecord& a, const InstanceRecord& b) { return a.id < b.id; })};
    } else if (!filter.id.empty()) {
      std::erase_if(candidates, [&](const InstanceRecord& instance) { return !is_called(instance, filter.id); });
    }
    if (candidates.empty()) unmatched.push_back(shown(filter));
    for (const auto& instance : candidates) ids.insert(instance.id);
  }
  if (unmatched.empty()) return ids;
  std::string list;
  for (const auto& filter : unmatched) list += (list.empty() ? "" : ", ") + filter;
  throw Error(Fault::invalid, "No instances match selection criteria: [" + list + "]", code::errand_not_runnable);
}

DeployedErrands::Selection DeployedErrands::by_group(const ErrandRequest& request) const {
  const auto* group = manifest_.find_group(request.errand);
  if (group == nullptr)
    throw Error(Fault::not_found, "Errand '" + request.errand + "' doesn't exist", code::job_not_found);
  if (group->lifecycle != Lifecycle::errand) {
    throw Error(Fault::invalid,
                "Instance group '" + group->name +
                    "' is not an errand. To mark an instance group as an errand set its lifecycle to 'errand' in "
                    "the deployment manifest.",
                code::errand_not_runnable);
  }
  if (!request.instances.empty()) {
    throw Error(Fault::invalid,
                "Filtering by instances is not supported when running errand by instance group name",
                code::errand_not_runnable);
  }
  const auto instances = instances_of(group->name);
  if (instances.empty()) {
    throw Error(Fault::not_found, "Instance '" + manifest_.name + "/" + group->name + "/0' doesn't exist",
                code::instance_not_found);
  }
  const auto jobs = runnable_jobs(*group);
  if (jobs.empty()) {
    throw Error(Fault::invalid, "Instance group '" + group->name + "' has no job with a template for bin/run",
                code::errand_not_runnable);
  }
  return {.targets = {{instances.front(), jobs.front(), true}}};
}

DeployedErrands::Selection DeployedErrands::select(const ErrandRequest& request) const {
  const auto ids = wanted(request);
  Selection selection;
  bool is_job = false;
  for (const auto& group : manifest_.instance_groups) {
    if (!holds(runnable_jobs(group), request.errand)) continue;
    is_job = true;
    auto instances = instances_of(group.name);
    const bool lifecycle = group.lifecycle == Lifecycle::errand;
    if (lifecycle && instances.size() > 1) instances.resize(1);
    for (auto& instance : instances) {
      if (ids.contains(instance.id)) selection.targets.push_back({std::move(instance), request.errand, lifecycle});
    }
  }
  if (!is_job) return by_group(request);
  selection.ambiguous = manifest_.find_group(request.errand) != nullptr;
  return selection;
}

}  // namespace slipway::director
