#include "releases/format/create.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/yaml.hpp"
#include "releases/format/fingerprint.hpp"
#include "releases/format/job.hpp"
#include "releases/format/names.hpp"
#include "releases/format/properties_schema.hpp"
#include "releases/format/version.hpp"

namespace fs = std::filesystem;

namespace slipway::releases {

namespace {

struct Part {
  std::string name, fingerprint;
  std::vector<SourceFile> files;
  std::vector<std::string> dependencies;
};

bool is_executable(const fs::path& path) {
  return (fs::status(path).permissions() & fs::perms::owner_exec) != fs::perms::none;
}

// Regular files below `folder`, sorted by their path relative to it.
std::vector<SourceFile> files_below(const fs::path& folder) {
  std::vector<SourceFile> files;
  if (!fs::is_directory(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files.push_back({fs::relative(entry.path(), folder).generic_string(), entry.path(), is_executable(entry.path())});
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return files;
}

std::vector<std::string> folders_in(const fs::path& folder) {
  std::vector<std::string> names;
  if (!fs::is_directory(folder)) return names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Json read_spec(const fs::path& path) { return parse_yaml(read_file(path, 4u << 20), path.string()); }

void check_part_name(const std::string& given, const std::string& folder, const std::string& place,
                     Problems& problems) {
  if (given != folder) problems.add(place, "is '" + given + "', but the folder is '" + folder + "'");
  if (!is_valid_name(folder)) problems.add(place, "is '" + folder + "', " + std::string(name_rule));
}

class Builder {
 public:
  Builder(const CreateOptions& options, Problems& problems) : options_(options), problems_(problems) {
    search_.push_back(options.directory / "src");
    search_.push_back(options.directory / "blobs");
    search_.insert(search_.end(), options.blobs.begin(), options.blobs.end());
  }

  std::string name() {
    if (!options_.name.empty()) return options_.name;
    const auto path = options_.directory / "config/final.yml";
    if (!fs::exists(path)) return {};
    const auto config = read_spec(path);
    for (const auto* key : {"name", "final_name"}) {
      if (config.is_object() && config.contains(key) && config[key].is_string()) return config[key];
    }
    return {};
  }

  Part job(const std::string& name, const std::set<std::string>& packages) {
    const auto folder = options_.directory / "jobs" / name;
    const auto place = "jobs/" + name;
    Part part{.name = name, .fingerprint = {}, .files = {}, .dependencies = {}};
    if (!require(folder / "spec", place + "/spec") || !require(folder / "monit", place + "/monit")) return part;
    JobArchive job;
    check_job_spec(read_spec(folder / "spec"), job, problems_);
    check_part_name(job.name, name, place + "/spec: name", problems_);
    for (const auto& package : job.packages) {
      if (!packages.contains(package)) problems_.add(place + "/spec: packages", "there is no package '" + package + "'");
    }
    part.files.push_back({"job.MF", folder / "spec", false});
    part.files.push_back({"monit", folder / "monit", false});
    add_schema(folder, place, part);
    std::set<std::string> sources;
    for (const auto& [destination, source] : job.destinations) sources.insert(source);
    for (const auto& source : sources) {
      const auto path = folder / "templates" / source;
      if (require(path, place + "/templates/" + source)) {
        part.files.push_back({"templates/" + source, path, is_executable(path)});
      }
    }
    return part;
  }

  void check_all_schemas() {
    std::map<std::string, const Json*> by_place;
    for (const auto& [place, schema] : schemas_) by_place.emplace(place, &schema);
    check_schemas(by_place, problems_);
  }

  Part package(const std::string& name) {
    const auto folder = options_.directory / "packages" / name;
    const auto place = "packages/" + name;
    Part part{.name = name, .fingerprint = {}, .files = {}, .dependencies = {}};
    if (!require(folder / "spec", place + "/spec") || !require(folder / "packaging", place + "/packaging")) return part;
    const auto spec = read_spec(folder / "spec");
    JsonReader in(spec, place + "/spec", problems_);
    check_part_name(in.string("name"), name, place + "/spec: name", problems_);
    part.dependencies = in.strings_or_empty("dependencies");
    part.files.push_back({"packaging", folder / "packaging", false});
    std::set<std::string> taken{"packaging"};
    for (const auto& pattern : in.strings_or_empty("files")) {
      bool any = false;
      for (const auto& root : search_) {
        for (auto& file : files_below(root)) {
          if (!glob_matches(pattern, file.name)) continue;
          any = true;
          // The first folder of the search wins.
          if (taken.insert(file.name).second) part.files.push_back(std::move(file));
        }
      }
      if (!any) problems_.add(place + "/spec: files", "nothing matches '" + pattern + "' in " + searched());
    }
    return part;
  }

 private:
  void add_schema(const fs::path& folder, const std::string& place, Part& part) {
    const std::string name(properties_schema_file);
    if (!fs::is_regular_file(folder / name)) return;
    part.files.push_back({name, folder / name, false});
    if (auto schema = parse_properties_schema(read_file(folder / name, 4u << 20), place + "/" + name, problems_)) {
      schemas_.emplace(place, std::move(*schema));
    }
  }

  bool require(const fs::path& path, const std::string& place) {
    if (fs::is_regular_file(path)) return true;
    problems_.add(place, "is missing");
    return false;
  }

  std::string searched() const {
    std::string text;
    for (const auto& root : search_) text += (text.empty() ? "" : ", ") + root.string();
    return text;
  }

  const CreateOptions& options_;
  Problems& problems_;
  std::vector<fs::path> search_;
  std::map<std::string, Json> schemas_;  // by the folder of the job
};

// Writes the part's tarball and returns its digest.
std::string pack(const Part& part, const fs::path& tarball) {
  auto files = part.files;
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  ArchiveWriter writer(tarball);
  for (const auto& file : files) writer.add_file(file.name, file.path, file.executable ? 0755 : 0644);
  writer.finish();
  return sha256_of_file(tarball);
}

}  // namespace

ReleaseManifest create_release(const CreateOptions& options, const fs::path& out) {
  Problems problems;
  if (!fs::is_directory(options.directory)) {
    throw Error(Fault::not_found, "there is no release directory '" + options.directory.string() + "'");
  }
  Builder builder(options, problems);
  ReleaseManifest manifest;
  manifest.name = builder.name();
  if (!is_valid_name(manifest.name)) {
    problems.add("config/final.yml: name", "is '" + manifest.name + "', " + std::string(name_rule));
  }
  manifest.version = options.version;
  manifest.commit_hash = options.commit_hash;
  try {
    Version::parse(options.version);
  } catch (const Error& error) {
    problems.add("version", error.what());
  }

  const auto package_names = folders_in(options.directory / "packages");
  const std::set<std::string> known(package_names.begin(), package_names.end());
  std::vector<Part> packages, jobs;
  for (const auto& name : package_names) packages.push_back(builder.package(name));
  for (const auto& name : folders_in(options.directory / "jobs")) jobs.push_back(builder.job(name, known));
  builder.check_all_schemas();
  std::map<std::string, std::vector<std::string>> graph;
  for (const auto& package : packages) {
    graph[package.name] = package.dependencies;
    for (const auto& dependency : package.dependencies) {
      if (!known.contains(dependency)) {
        problems.add("packages/" + package.name + "/spec: dependencies", "there is no package '" + dependency + "'");
      }
    }
  }
  problems.throw_if_any("release directory " + options.directory.string());
  dependency_order(graph);

  const TempDir work("slipway-release", fs::absolute(out).parent_path());
  const auto finished = work.path() / "release.tgz";
  const auto pack_all = [&](const std::vector<Part>& parts, const std::string& folder, auto&& listed) {
    for (const auto& part : parts) {
      const auto print = fingerprint(part.files, part.dependencies);
      fs::create_directories(work.path() / folder);
      listed({part.name, print, print, pack(part, work.path() / folder / (part.name + ".tgz"))}, part);
    }
  };
  pack_all(jobs, "jobs", [&](ReleaseJob item, const Part&) { manifest.jobs.push_back(std::move(item)); });
  pack_all(packages, "packages", [&](ReleaseJob item, const Part& part) {
    manifest.packages.push_back({item.name, item.version, item.fingerprint, item.sha1, part.dependencies, ""});
  });

  ArchiveWriter writer(finished, 1);  // the parts are compressed already
  writer.add("release.MF", to_yaml(manifest));
  for (const auto& job : manifest.jobs) {
    writer.add_file("jobs/" + job.name + ".tgz", work.path() / "jobs" / (job.name + ".tgz"), 0644);
  }
  for (const auto& package : manifest.packages) {
    writer.add_file("packages/" + package.name + ".tgz", work.path() / "packages" / (package.name + ".tgz"), 0644);
  }
  writer.finish();
  fs::permissions(finished, fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read |
                                fs::perms::others_read);
  fs::rename(finished, out);
  return manifest;
}

}  // namespace slipway::releases
