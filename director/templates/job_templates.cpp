#include "director/templates/job_templates.hpp"

#include <utility>

#include "releases/format/job.hpp"

namespace slipway::director {

namespace {

std::vector<std::string> split_dots(const std::string& name) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  for (;;) {
    const auto dot = name.find('.', start);
    parts.push_back(name.substr(start, dot - start));
    if (dot == std::string::npos) return parts;
    start = dot + 1;
  }
}

const Json* lookup(const Json& root, const std::vector<std::string>& path) {
  const Json* place = &root;
  for (const auto& key : path) {
    if (!place->is_object()) return nullptr;
    const auto found = place->find(key);
    if (found == place->end() || found->is_null()) return nullptr;
    place = &*found;
  }
  return place;
}

}  // namespace

JobTemplates read_job_templates(const std::filesystem::path& job_tarball, const std::string& release_name,
                                const std::string& release_version) {
  auto archive = releases::read_job(job_tarball);
  JobTemplates job{.release_name = release_name,
                   .release_version = release_version,
                   .name = archive.name,
                   .spec = std::move(archive.spec),
                   .monit = std::move(archive.monit),
                   .properties_schema = std::move(archive.properties_schema),
                   .files = {}};
  for (const auto& [destination, source] : archive.destinations) {
    job.files.push_back({source, destination, archive.templates.at(source)});
  }
  return job;
}

Json effective_properties(const Json& job_spec, const Json& given) {
  Json result = Json::object();
  const auto declared = job_spec.find("properties");
  if (declared == job_spec.end() || !declared->is_object()) return result;
  for (const auto& [name, definition] : declared->items()) {
    const auto path = split_dots(name);
    Json value;
    if (const Json* found = lookup(given, path)) {
      value = *found;
    } else if (definition.is_object()) {
      value = definition.value("default", Json());
    }
    Json* place = &result;
    for (const auto& key : path) {
      // "a" and "a.b" may both be declared, and a given "a" need not be a hash.
      if (!place->is_object()) *place = Json::object();
      place = &(*place)[key];
    }
    *place = std::move(value);
  }
  return result;
}

}  // namespace slipway::director
