#include "director/planner/scope.hpp"

#include <algorithm>
#include <set>

#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"

namespace slipway::director {

bool in_scope(const DeployOptions& options, const InstanceRecord& record) {
  if (!options.only_group.empty() && options.only_group != record.group) return false;
  return options.only_instance.empty() || options.only_instance == record.id.value ||
         options.only_instance == std::to_string(record.index);
}

void check_scope(const Desired& desired, const World& world, Problems& problems) {
  const auto& options = desired.options;
  if (options.only_group.empty() && options.only_instance.empty()) return;
  const auto found = std::find_if(world.instances.begin(), world.instances.end(),
                                  [&](const ActualInstance& instance) { return in_scope(options, instance.record); });
  if (found != world.instances.end()) {
    // Passing over it in silence is right for a whole group, not where it is what was asked for.
    if (!options.only_instance.empty() && found->record.ignore) {
      problems.add("instance '" + found->record.name() + "'", "is ignored; unignore it first", code::instance_ignored);
    }
    return;
  }
  std::set<std::string> known;
  for (const auto& instance : world.instances) {
    if (!options.only_group.empty() && instance.record.group != options.only_group) continue;
    known.insert(instance.record.group + "/" + instance.record.id.value);
  }
  const bool group_is_known = options.only_group.empty() || desired.manifest.find_group(options.only_group) != nullptr;
  if (!group_is_known) {
    problems.add("instance group '" + options.only_group + "'", "is not in deployment '" + desired.manifest.name + "'",
                 code::job_not_found);
  } else if (!options.only_instance.empty()) {
    problems.add("instance '" + options.only_group + "/" + options.only_instance + "'",
                 "is not there; there are " + quoted_list({known.begin(), known.end()}), code::instance_not_found);
  }
}

}  // namespace slipway::director
