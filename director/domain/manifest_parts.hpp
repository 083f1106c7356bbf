#pragma once

#include <map>
#include <string>
#include <vector>

#include "director/domain/manifest.hpp"
#include "director/domain/reader.hpp"

// The pieces parse_manifest is made of. Each appends its problems and returns what it could read.
namespace slipway::director {

// `update`: with `base` its values are inherited, without it the counts and times are required.
UpdateRules parse_update(const Json& value, const std::string& place, const UpdateRules* base, Problems& problems);

std::map<std::string, std::string> parse_tags(HashReader& in);

// `jobs` of a group or an addon; `code_unlisted` is for one from a release that is not among these.
std::vector<JobUse> parse_jobs(HashReader& in, const std::string& owner, const std::vector<ReleaseUse>& releases,
                               int code_unlisted);

std::vector<Addon> parse_addons(HashReader& in, const std::vector<ReleaseUse>& releases, bool in_runtime_config);

std::vector<VariableDefinition> parse_variables(HashReader& in);

InstanceGroup parse_instance_group(const Json& value, const std::string& place, const Manifest& manifest,
                                   Problems& problems);

std::map<std::string, LinkConsumer> parse_consumes(HashReader& in);
std::map<std::string, LinkProvider> parse_provides(HashReader& in);

}  // namespace slipway::director
