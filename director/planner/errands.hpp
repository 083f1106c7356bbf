#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "director/domain/instance_requests.hpp"
#include "director/domain/manifest.hpp"

namespace slipway::director {

// The errands of a deployment as it was deployed last: instance groups with lifecycle errand, and
// jobs of any group that have something to run (bin/run), addons' jobs included.
class DeployedErrands {
 public:
  // All of the deployment, and outliving this object: its manifest, its instances, and the
  // versions of releases it uses.
  DeployedErrands(const Manifest& manifest, const std::vector<InstanceRecord>& instances,
                  const std::vector<ReleaseRecord>& releases);

  std::vector<std::string> names() const;  // sorted, each once

  struct Target {
    InstanceRecord instance;
    std::string job;         // whose bin/run it is
    bool lifecycle = false;  // its group is an errand: it has a VM for the run only
  };
  struct Selection {
    std::vector<Target> targets;
    bool ambiguous = false;  // a job and an errand group have the name; the job is meant
  };
  // Where a request's errand runs: on all instances of the groups that have the job, and on the
  // first one of an errand group. Fault::not_found (70001, 70009) and Fault::invalid (510000) where
  // the request names what is not there.
  Selection select(const ErrandRequest& request) const;

 private:
  std::vector<std::string> runnable_jobs(const InstanceGroup& group) const;
  std::vector<InstanceRecord> instances_of(const std::string& group) const;
  Selection by_group(const ErrandRequest& request) const;
  std::set<InstanceId> wanted(const ErrandRequest& request) const;

  const Manifest& manifest_;
  const std::vector<InstanceRecord>& instances_;
  std::set<std::pair<std::string, std::string>> runnable_;  // release, job
  std::set<std::string> runnable_names_;
};

}  // namespace slipway::director
