#include "releases/format/manifest.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "base/digest.hpp"
#include "base/json_text.hpp"
#include "base/yaml.hpp"
#include "releases/format/names.hpp"
#include "releases/format/version.hpp"

namespace slipway::releases {

namespace {

void check_version(const std::string& text, const std::string& place, Problems& problems) {
  try {
    Version::parse(text);
  } catch (const Error& error) {
    problems.add(place, error.what());
  }
}

// name, version, fingerprint and sha1, which jobs and packages share.
template <class Item>
Item read_item(const Json& object, const std::string& place, std::set<std::string>& names, Problems& problems) {
  Item item;
  JsonReader in(object, place, problems);
  item.name = in.string("name");
  item.version = scalar_text(object, "version");
  item.fingerprint = scalar_text(object, "fingerprint");
  if (item.fingerprint.empty()) item.fingerprint = item.version;
  if (item.version.empty()) item.version = item.fingerprint;
  if (item.fingerprint.empty()) problems.add(place, "has neither version nor fingerprint");
  item.sha1 = scalar_text(object, "sha1");
  if (!item.name.empty() && !is_valid_name(item.name)) {
    problems.add(place + ".name", "is '" + item.name + "', " + std::string(name_rule));
  }
  if (!item.name.empty() && !names.insert(item.name).second) {
    problems.add(place + ".name", "'" + item.name + "' is listed twice");
  }
  try {
    MultiDigest::parse(item.sha1);
  } catch (const Error& error) {
    problems.add(place + ".sha1", error.what());
  }
  return item;
}

void check_dependencies(const ReleaseManifest& manifest, Problems& problems) {
  std::map<std::string, std::vector<std::string>> graph;
  for (const auto& package : manifest.packages) graph[package.name] = package.dependencies;
  bool complete = true;
  for (const auto& package : manifest.packages) {
    for (const auto& dependency : package.dependencies) {
      if (graph.contains(dependency)) continue;
      complete = false;
      problems.add("packages." + package.name + ".dependencies", "'" + dependency + "' is no package of this release");
    }
  }
  if (!complete) return;
  try {
    dependency_order(graph);
  } catch (const Error& error) {
    problems.add("packages", error.what());
  }
}

}  // namespace

ReleaseManifest parse_release_manifest(std::string_view yaml, std::string_view source) {
  const auto document = parse_yaml(yaml, source);
  Problems problems;
  ReleaseManifest manifest;
  JsonReader in(document, "", problems);
  manifest.name = in.string("name");
  if (!manifest.name.empty() && !is_valid_name(manifest.name)) {
    problems.add("name", "is '" + manifest.name + "', " + std::string(name_rule));
  }
  manifest.version = scalar_text(document, "version");
  check_version(manifest.version, "version", problems);
  manifest.commit_hash = scalar_text(document, "commit_hash");
  manifest.uncommitted_changes = in.boolean_or("uncommitted_changes", false);
  manifest.compiled = in.has("compiled_packages");
  if (manifest.compiled && in.has("packages") && !in.array_or_empty("packages").empty()) {
    problems.add("packages", "stands beside compiled_packages, allowed is one of the two");
  }
  std::set<std::string> jobs, packages;
  const Json& listed_jobs = in.array_or_empty("jobs");
  for (std::size_t i = 0; i < listed_jobs.size(); ++i) {
    manifest.jobs.push_back(
        read_item<ReleaseJob>(listed_jobs[i], "jobs[" + std::to_string(i) + "]", jobs, problems));
  }
  const char* key = manifest.compiled ? "compiled_packages" : "packages";
  const Json& listed = in.array_or_empty(key);
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const auto place = std::string(key) + "[" + std::to_string(i) + "]";
    auto package = read_item<ReleasePackage>(listed[i], place, packages, problems);
    JsonReader reader(listed[i], place, problems);
    package.dependencies = reader.strings_or_empty("dependencies");
    package.stemcell = reader.string_or("stemcell", "");
    const auto slash = package.stemcell.find('/');
    if (manifest.compiled && (slash == 0 || slash == std::string::npos || slash + 1 == package.stemcell.size())) {
      problems.add(place + ".stemcell", "is '" + package.stemcell + "', allowed is os/version");
    }
    manifest.packages.push_back(std::move(package));
  }
  check_dependencies(manifest, problems);
  problems.throw_if_any(source);
  return manifest;
}

std::string to_yaml(const ReleaseManifest& manifest) {
  Json document = {{"name", manifest.name},
                   {"version", manifest.version},
                   {"commit_hash", manifest.commit_hash},
                   {"uncommitted_changes", manifest.uncommitted_changes},
                   {"jobs", Json::array()}};
  for (const auto& job : manifest.jobs) {
    document["jobs"].push_back(
        {{"name", job.name}, {"version", job.version}, {"fingerprint", job.fingerprint}, {"sha1", job.sha1}});
  }
  auto& packages = document[manifest.compiled ? "compiled_packages" : "packages"] = Json::array();
  for (const auto& package : manifest.packages) {
    Json entry = {{"name", package.name},
                  {"version", package.version},
                  {"fingerprint", package.fingerprint},
                  {"sha1", package.sha1},
                  {"dependencies", package.dependencies}};
    if (manifest.compiled) entry["stemcell"] = package.stemcell;
    packages.push_back(std::move(entry));
  }
  return slipway::to_yaml(document);
}

std::vector<std::string> dependency_order(const std::map<std::string, std::vector<std::string>>& packages) {
  enum class Mark { open, done };
  std::map<std::string, Mark> marks;
  std::vector<std::string> order, path;
  const std::function<void(const std::string&)> visit = [&](const std::string& name) {
    if (const auto mark = marks.find(name); mark != marks.end()) {
      if (mark->second == Mark::done) return;
      std::string cycle;
      for (auto it = std::find(path.begin(), path.end(), name); it != path.end(); ++it) cycle += *it + " -> ";
      throw Error(Fault::invalid, "packages depend on each other in a circle: " + cycle + name);
    }
    if (path.size() > 1'000) throw Error(Fault::invalid, "package dependencies are nested more than 1000 deep");
    marks[name] = Mark::open;
    path.push_back(name);
    if (const auto found = packages.find(name); found != packages.end()) {
      auto dependencies = found->second;
      std::sort(dependencies.begin(), dependencies.end());
      for (const auto& dependency : dependencies) visit(dependency);
    }
    path.pop_back();
    marks[name] = Mark::done;
    order.push_back(name);
  };
  for (const auto& [name, dependencies] : packages) visit(name);
  return order;
}

}  // namespace slipway::releases
