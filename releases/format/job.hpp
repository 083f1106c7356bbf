#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace slipway::releases {

// A job's tarball: job.MF, monit, templates/* and, if the job has one, properties_schema.json.
// Source: contracts/agent-cpi.md section 5, contracts/director-api.md section 5.
struct JobArchive {
  std::string name;
  Json spec = Json::object();  // job.MF as it stands
  std::string monit;           // ERB source
  std::map<std::string, std::string> destinations;  // destination → name below templates/
  std::map<std::string, std::string> templates;     // name below templates/ → ERB source
  std::vector<std::string> packages;
  std::optional<Json> properties_schema;  // an object; whether it is a schema says check_schemas()
};

// Throws Fault::invalid with every problem found: job.MF missing or wrong, templates it
// names missing, destinations that leave the job's folder.
JobArchive read_job(const std::filesystem::path& tarball);

// properties_schema.json's text as JSON; adds to `problems`, at `place`, why it is none.
std::optional<Json> parse_properties_schema(std::string_view text, const std::string& place, Problems& problems);

// The checks of a job.MF alone; fills name, destinations and packages.
void check_job_spec(const Json& spec, JobArchive& job, Problems& problems);

}  // namespace slipway::releases
