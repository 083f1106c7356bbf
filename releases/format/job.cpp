#include "releases/format/job.hpp"

#include <utility>

#include "base/archive.hpp"
#include "base/file.hpp"
#include "base/yaml.hpp"
#include "releases/format/names.hpp"
#include "releases/format/properties_schema.hpp"

namespace slipway::releases {

namespace {

// Far above what releases hold; templates are text.
constexpr std::size_t max_template_bytes = 8u << 20;
constexpr std::size_t max_schema_bytes = 1u << 20;
constexpr ArchiveLimits job_limits{.max_total_bytes = 64u << 20, .max_entries = 20'000, .allow_links = false};

void check_properties(const Json& properties, Problems& problems) {
  for (const auto& [name, definition] : properties.items()) {
    if (!definition.is_object() && !definition.is_null()) {
      problems.add("properties." + name, "is " + std::string(definition.type_name()) +
                                             ", allowed is a hash with description and default");
    }
  }
}

void check_links(const Json& links, const std::string& key, Problems& problems) {
  for (std::size_t i = 0; i < links.size(); ++i) {
    const auto place = key + "[" + std::to_string(i) + "]";
    JsonReader in(links[i], place, problems);
    in.string("name");
    in.string("type");
    if (key == "consumes") in.boolean_or("optional", false);
    if (key == "provides") in.strings_or_empty("properties");
  }
}

}  // namespace

void check_job_spec(const Json& spec, JobArchive& job, Problems& problems) {
  JsonReader in(spec, "job.MF", problems);
  job.name = in.string("name");
  if (!job.name.empty() && !is_valid_name(job.name)) {
    problems.add("job.MF.name", "is '" + job.name + "', " + std::string(name_rule));
  }
  const Json& templates = in.object_or_empty("templates");
  for (const auto& [source, destination] : templates.items()) {
    const auto place = "job.MF.templates." + source;
    if (!is_safe_relative(source)) {
      problems.add(place, "the source leaves the folder templates");
    } else if (!destination.is_string() || !is_safe_relative(destination.get<std::string>())) {
      problems.add(place, "the destination is " + dump(destination) + ", allowed is a path inside the job's folder");
    } else if (!job.destinations.emplace(destination.get<std::string>(), source).second) {
      problems.add(place, "the destination '" + destination.get<std::string>() + "' is given twice");
    }
  }
  job.packages = in.strings_or_empty("packages");
  check_properties(in.object_or_empty("properties"), problems);
  check_links(in.array_or_empty("consumes"), "consumes", problems);
  check_links(in.array_or_empty("provides"), "provides", problems);
}

std::optional<Json> parse_properties_schema(std::string_view text, const std::string& place, Problems& problems) {
  try {
    auto schema = parse_json(text, "it", {.max_bytes = max_schema_bytes});
    if (schema.is_object()) return schema;
    problems.add(place, "is " + std::string(schema.type_name()) + ", allowed is a JSON schema that is an object");
  } catch (const Error& error) {
    std::string why = error.what();
    problems.add(place, why.erase(0, std::string_view("it: ").size()));
  }
  return std::nullopt;
}

JobArchive read_job(const std::filesystem::path& tarball) {
  JobArchive job;
  Problems problems;
  std::map<std::string, std::string> found;
  bool has_monit = false, has_manifest = false;
  ArchiveReader reader(tarball, job_limits);
  ArchiveEntry entry;
  while (reader.next(entry)) {
    if (entry.is_directory) continue;
    if (entry.name == "job.MF") {
      job.spec = parse_yaml(reader.read_all(max_template_bytes), "job.MF");
      has_manifest = true;
    } else if (entry.name == "monit") {
      job.monit = reader.read_all(max_template_bytes);
      has_monit = true;
    } else if (entry.name == properties_schema_file) {
      job.properties_schema =
          parse_properties_schema(reader.read_all(max_template_bytes), std::string(properties_schema_file), problems);
    } else if (entry.name.starts_with("templates/")) {
      found[entry.name.substr(10)] = reader.read_all(max_template_bytes);
    }
  }
  if (!has_manifest) problems.add("job.MF", "is missing");
  if (!has_monit) problems.add("monit", "is missing (it may be empty)");
  if (has_manifest) check_job_spec(job.spec, job, problems);
  for (const auto& [destination, source] : job.destinations) {
    const auto content = found.find(source);
    if (content == found.end()) {
      problems.add("templates/" + source, "is missing, job.MF wants it as " + destination);
    } else {
      job.templates[source] = content->second;
    }
  }
  problems.throw_if_any("job " + (job.name.empty() ? tarball.filename().string() : "'" + job.name + "'"));
  return job;
}

}  // namespace slipway::releases
