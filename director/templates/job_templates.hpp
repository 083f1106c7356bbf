#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace slipway::director {

// What rendering needs of one job of one release version; read once, used for all its
// instances.
struct JobTemplates {
  std::string release_name, release_version;
  std::string name;
  Json spec = Json::object();  // job.MF
  std::string monit;           // ERB source, may be empty
  std::optional<Json> properties_schema;  // properties_schema.json, if it has one

  struct File {
    std::string source;       // name below templates/, e.g. "ctl.erb"
    std::string destination;  // e.g. "bin/ctl"
    std::string content;      // ERB source
  };
  std::vector<File> files;  // by destination
};

// Reads a job's tarball. Throws Fault::invalid with all its problems.
JobTemplates read_job_templates(const std::filesystem::path& job_tarball, const std::string& release_name,
                                const std::string& release_version);

// The properties a job may see: those its job.MF declares, taken from `given` (the manifest's
// properties of the job), else the default, else null. Undeclared ones are left out; false is
// a value. Source: contracts/director-api.md section 5.
Json effective_properties(const Json& job_spec, const Json& given);

}  // namespace slipway::director
