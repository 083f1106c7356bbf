#include "director/domain/error_codes.hpp"
#include "director/domain/manifest_parts.hpp"

namespace slipway::director {

namespace {

// Filters by job and by stemcell say both of their parts, or they are no filters.
std::string part(HashReader& in, const char* key, int code) {
  if (!in.has(key)) in.complain(key, "is required in this filter and missing", code);
  return in.text_or(key, "");
}

AddonRule parse_rule(HashReader& in, const std::string& key, bool in_runtime_config) {
  AddonRule rule;
  if (!in.has(key)) return rule;
  HashReader item(in.hash_or_empty(key), in.place(key), in.problems());
  const auto& jobs = item.array_or_empty("jobs");
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    HashReader job(jobs[i], item_place(item.place("jobs"), i), in.problems());
    auto name = part(job, "name", code::addon_filter_job);
    rule.jobs.emplace_back(std::move(name), part(job, "release", code::addon_filter_job));
  }
  const auto& stemcells = item.array_or_empty("stemcell");
  for (std::size_t i = 0; i < stemcells.size(); ++i) {
    HashReader stemcell(stemcells[i], item_place(item.place("stemcell"), i), in.problems());
    rule.stemcell_os.push_back(part(stemcell, "os", code::addon_filter_stemcell));
  }
  rule.instance_groups = item.texts_or_empty("instance_groups");
  rule.networks = item.texts_or_empty("networks");
  rule.azs = item.texts_or_empty("azs");
  rule.teams = item.texts_or_empty("teams");
  rule.deployments = item.texts_or_empty("deployments");
  if (item.has("deployments") && !in_runtime_config) {
    item.complain("deployments", "is allowed in a runtime config only", code::addon_deployment_filter);
  }
  const auto lifecycle = item.text_or("lifecycle", "");
  if (lifecycle == "errand") rule.lifecycle = Lifecycle::errand;
  else if (lifecycle == "service") rule.lifecycle = Lifecycle::service;
  else if (!lifecycle.empty()) {
    item.complain("lifecycle", "is '" + lifecycle + "'; allowed are 'service' and 'errand'", code::invalid_lifecycle);
  }
  return rule;
}

}  // namespace

bool AddonRule::empty() const {
  return jobs.empty() && instance_groups.empty() && stemcell_os.empty() && networks.empty() && azs.empty() &&
         teams.empty() && deployments.empty() && !lifecycle;
}

std::vector<Addon> parse_addons(HashReader& in, const std::vector<ReleaseUse>& releases, bool in_runtime_config) {
  std::vector<Addon> addons;
  const auto& list = in.array_or_empty("addons");
  for (std::size_t i = 0; i < list.size(); ++i) {
    HashReader item(list[i], item_place(in.place("addons"), i), in.problems());
    Addon addon;
    addon.name = item.text("name");
    addon.jobs = parse_jobs(item, "addon '" + addon.name + "'", releases, code::addon_release_missing);
    // An addon's own properties are those of its jobs that have none.
    for (auto& job : addon.jobs) {
      if (!job.properties && item.has("properties")) job.properties = item.hash_or_empty("properties");
    }
    addon.include = parse_rule(item, "include", in_runtime_config);
    addon.exclude = parse_rule(item, "exclude", in_runtime_config);
    addons.push_back(std::move(addon));
  }
  return addons;
}

}  // namespace slipway::director
