#include "stemcells/agent/apply_spec.hpp"

#include "base/digest.hpp"
#include "base/file.hpp"

namespace slipway::agent {

namespace {

const Json& member(const Json& json, const char* key) {
  static const Json null;
  if (!json.is_object()) return null;
  const auto found = json.find(key);
  return found == json.end() ? null : *found;
}

std::string text(const Json& json, const char* key) {
  const Json& value = member(json, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

void check_name(const std::string& place, const std::string& name, Problems& problems) {
  if (!is_plain_name(name)) problems.add(place, "'" + name + "' is not a plain name");
}

void read_jobs(const Json& json, ApplySpec& spec, Problems& problems) {
  const Json& templates = member(member(json, "job"), "templates");
  if (templates.is_null()) return;
  if (!templates.is_array()) return problems.add("job.templates", "must be an array");
  for (std::size_t index = 0; index < templates.size(); ++index) {
    const std::string place = "job.templates[" + std::to_string(index) + "]";
    const JobRef job{text(templates[index], "name"), text(templates[index], "version")};
    check_name(place + ".name", job.name, problems);
    if (job.version.empty()) problems.add(place + ".version", "is missing");
    spec.jobs.push_back(job);
  }
}

}  // namespace

PackageRef package_from(const Json& json, const std::string& name, Problems& problems) {
  PackageRef package{.name = name, .version = text(json, "version")};
  const std::string place = "packages." + name;
  check_name(place, name, problems);
  if (package.version.empty()) problems.add(place + ".version", "is missing");
  try {
    package.source = blob_source_from(json, place);
  } catch (const Error& error) {
    problems.add(place, error.what());
  }
  return package;
}

std::string PackageRef::folder_name() const { return sha1_hex(version + source.digest); }

std::string ApplySpec::job_folder_name(const JobRef& job) const { return sha1_hex(job.version + templates.digest); }

ApplySpec parse_apply_spec(const Json& json) {
  if (!json.is_object()) throw Error(Fault::invalid, "apply spec: expected a JSON object");
  ApplySpec spec;
  spec.raw = json;
  Problems problems;
  spec.configuration_hash = text(json, "configuration_hash");
  read_jobs(json, spec, problems);
  const Json& packages = member(json, "packages");
  if (packages.is_object()) {
    for (const auto& [name, package] : packages.items()) spec.packages.push_back(package_from(package, name, problems));
  } else if (!packages.is_null()) {
    problems.add("packages", "must be an object");
  }
  const Json& archive = member(json, "rendered_templates_archive");
  const bool has_archive = archive.is_object() && !(text(archive, "blobstore_id") + text(archive, "signed_url")).empty();
  if (has_archive) {
    try {
      spec.templates = blob_source_from(archive, "rendered_templates_archive");
    } catch (const Error& error) {
      problems.add("rendered_templates_archive", error.what());
    }
  } else if (!spec.jobs.empty() && !spec.configuration_hash.empty()) {
    problems.add("rendered_templates_archive", "is missing although there are jobs");
  }
  problems.throw_if_any("apply spec");
  return spec;
}

Json load_spec(const Paths& paths) {
  if (!std::filesystem::exists(paths.spec())) return Json::object();
  return parse_json(read_file(paths.spec()), paths.spec().string());
}

void save_spec(const Paths& paths, const Json& spec) { write_file_atomically(paths.spec(), dump(spec), 0600); }

}  // namespace slipway::agent
