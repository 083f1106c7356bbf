#pragma once

#include <map>
#include <string>
#include <vector>

#include "director/executor/job_template_cache.hpp"
#include "director/executor/services.hpp"
#include "director/planner/plan.hpp"

namespace slipway::director {

// Finds releases and their jobs by name, for one deployment.
class ReleaseIndex {
 public:
  explicit ReleaseIndex(const std::vector<ReleaseRecord>& releases) : releases_(releases) {}
  const ReleaseRecord& release(const std::string& name,
                               const std::string& version) const;                     // Fault::not_found
  const JobRecord& job(const ReleaseRecord& release, const std::string& name) const;  // Fault::not_found
  const PackageRecord* package(const ReleaseRecord& release, const std::string& name) const;

 private:
  const std::vector<ReleaseRecord>& releases_;
};

// All templates of all instances, in the order of the assignment.
std::vector<RenderedInstance> render_all(Services& services, JobTemplateCache& cache,
                                         const ReleaseIndex& releases, const Assignment& assignment);

}  // namespace slipway::director
