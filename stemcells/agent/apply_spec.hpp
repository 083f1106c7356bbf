#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "stemcells/agent/blobs.hpp"

// What a node is to run. Source: contracts/agent-cpi.md section 3.
namespace slipway::agent {

struct PackageRef {
  std::string name, version;
  BlobSource source;
  std::string folder_name() const;  // below data/packages/<name>: a hash of version and digest
};

struct JobRef {
  std::string name, version;
};

struct ApplySpec {
  Json raw = Json::object();           // stored and given back as it came
  std::vector<JobRef> jobs;
  std::vector<PackageRef> packages;
  BlobSource templates;                // the rendered templates of all jobs; empty without jobs
  std::string configuration_hash;      // empty: nothing is applied, the spec is only stored

  std::string job_folder_name(const JobRef& job) const;
};

// All problems at once. A missing "job" or an empty one means no jobs.
ApplySpec parse_apply_spec(const Json& json);
PackageRef package_from(const Json& json, const std::string& name, Problems& problems);

// The stored spec; an empty one before the first apply.
Json load_spec(const Paths& paths);
void save_spec(const Paths& paths, const Json& spec);

}  // namespace slipway::agent
