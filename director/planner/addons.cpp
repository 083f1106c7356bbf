#include "director/planner/addons.hpp"

#include <algorithm>
#include <set>

#include "director/domain/error_codes.hpp"

namespace slipway::director {

namespace {

template <class Items, class Value>
bool holds(const Items& items, const Value& value) {
  return std::find(items.begin(), items.end(), value) != items.end();
}

// Within one list any entry will do, between lists all of them have to hold.
bool matches(const AddonRule& rule, const Manifest& manifest, const InstanceGroup& group, const ChosenVersions& resolution,
             const std::vector<std::string>& teams) {
  const auto any = [](const auto& items, auto test) {
    return items.empty() || std::any_of(items.begin(), items.end(), test);
  };
  const auto* stemcell = resolution.stemcell(group.stemcell);
  return any(rule.instance_groups, [&](const std::string& name) { return name == group.name; }) &&
         any(rule.azs, [&](const std::string& az) { return holds(group.azs, az); }) &&
         any(rule.deployments, [&](const std::string& name) { return name == manifest.name; }) &&
         any(rule.stemcell_os, [&](const std::string& os) { return stemcell != nullptr && stemcell->os == os; }) &&
         any(rule.teams, [&](const std::string& team) { return holds(teams, team); }) &&
         any(rule.networks, [&](const std::string& name) {
           return std::any_of(group.networks.begin(), group.networks.end(),
                              [&](const NetworkUse& use) { return use.name == name; });
         }) &&
         any(rule.jobs, [&](const std::pair<std::string, std::string>& wanted) {
           return std::any_of(group.jobs.begin(), group.jobs.end(), [&](const JobUse& job) {
             return job.name == wanted.first && job.release == wanted.second;
           });
         }) &&
         (!rule.lifecycle || *rule.lifecycle == group.lifecycle);
}

}  // namespace

Manifest with_addons(const Manifest& manifest, const ChosenVersions& resolution, const std::vector<std::string>& teams,
                     Problems& problems) {
  Manifest out = manifest;
  std::set<std::string> demanded;
  for (const auto& addon : manifest.addons) {
    for (std::size_t i = 0; i < out.instance_groups.size(); ++i) {
      const auto& original = manifest.instance_groups[i];
      if (!matches(addon.include, manifest, original, resolution, teams)) continue;
      if (!addon.exclude.empty() && matches(addon.exclude, manifest, original, resolution, teams)) continue;
      auto& jobs = out.instance_groups[i].jobs;
      for (const auto& job : addon.jobs) {
        const bool taken = std::any_of(jobs.begin(), jobs.end(), [&](const JobUse& use) { return use.name == job.name; });
        if (taken) {
          problems.add("addon '" + addon.name + "'",
                       "job '" + job.name + "' is in instance group '" + original.name + "' already",
                       code::group_invalid_jobs);
          continue;
        }
        if (demanded.insert(job.release).second) resolution.demand_for_addon(job.release, problems);
        jobs.push_back(job);
      }
    }
  }
  return out;
}

}  // namespace slipway::director
