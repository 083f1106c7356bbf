#include "releases/format/tarball.hpp"

#include <set>
#include <utility>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/file.hpp"
#include "releases/format/properties_schema.hpp"

namespace slipway::releases {

namespace {

constexpr std::size_t max_release_manifest_bytes = 16u << 20;

// "jobs/etcd.tgz" → true. Nothing deeper is part of a release.
bool is_part(const std::string& name) {
  for (const std::string_view folder : {"jobs/", "packages/", "compiled_packages/"}) {
    if (name.starts_with(folder)) {
      return name.ends_with(".tgz") && name.find('/', folder.size()) == std::string::npos;
    }
  }
  return false;
}

// Returns release.MF's text; the parts lie below `folder` afterwards.
std::string unpack_parts(const std::filesystem::path& tarball, const std::filesystem::path& folder,
                         std::uint64_t max_bytes, std::set<std::string>& parts) {
  std::string manifest;
  ArchiveReader reader(tarball, {.max_total_bytes = max_bytes, .max_entries = 20'000, .allow_links = false});
  ArchiveEntry entry;
  while (reader.next(entry)) {
    if (entry.is_directory) continue;
    if (entry.name == "release.MF") {
      manifest = reader.read_all(max_release_manifest_bytes);
    } else if (is_part(entry.name)) {
      if (!parts.insert(entry.name).second) {
        throw Error(Fault::invalid, "the release tarball holds '" + entry.name + "' twice");
      }
      std::filesystem::create_directories((folder / entry.name).parent_path());
      reader.read_to_file(folder / entry.name);
    }
  }
  if (manifest.empty()) throw Error(Fault::invalid, "the release tarball has no release.MF");
  return manifest;
}

void check_digest(const std::filesystem::path& file, const std::string& digest, const std::string& part,
                  Problems& problems) {
  try {
    verify_file(file, MultiDigest::parse(digest));
  } catch (const Error& error) {
    // Where it was unpacked to means nothing to a reader.
    std::string text = error.what();
    if (const auto prefix = file.string() + ": "; text.starts_with(prefix)) text.erase(0, prefix.size());
    problems.add(part, text);
  }
}

void check_job(const std::string& name, const std::filesystem::path& file, ReleaseContent& release,
               Problems& problems) {
  try {
    auto job = read_job(file);
    if (job.name != name) problems.add("jobs/" + name + ".tgz", "its job.MF calls it '" + job.name + "'");
    release.jobs.emplace(name, std::move(job));
  } catch (const Error& error) {
    problems.add("jobs/" + name + ".tgz", error.what());
  }
}

void check_job_packages(const ReleaseContent& release, Problems& problems) {
  std::set<std::string> known;
  for (const auto& package : release.manifest.packages) known.insert(package.name);
  for (const auto& [name, job] : release.jobs) {
    for (const auto& package : job.packages) {
      if (!known.contains(package)) {
        problems.add("jobs/" + name + ".tgz", "needs package '" + package + "', which is not in this release");
      }
    }
  }
}

}  // namespace

ReleaseContent read_release(const std::filesystem::path& tarball, const std::filesystem::path& folder,
                            const ReadReleaseOptions& options) {
  std::set<std::string> parts;
  const auto text = unpack_parts(tarball, folder, options.max_unpacked_bytes, parts);
  ReleaseContent release;
  release.manifest = parse_release_manifest(text, "release.MF");
  Problems problems;
  for (const auto& job : release.manifest.jobs) {
    const auto part = "jobs/" + job.name + ".tgz";
    if (!parts.contains(part)) {
      if (!options.has_job || !options.has_job(job)) problems.add(part, "is missing from the tarball");
      continue;
    }
    release.job_files[job.name] = folder / part;
    const auto before = problems.items().size();
    check_digest(folder / part, job.sha1, part, problems);
    if (problems.items().size() == before) check_job(job.name, folder / part, release, problems);
  }
  const std::string package_folder = release.manifest.compiled ? "compiled_packages/" : "packages/";
  for (const auto& package : release.manifest.packages) {
    const auto part = package_folder + package.name + ".tgz";
    if (!parts.contains(part)) {
      if (!options.has_package || !options.has_package(release.manifest, package)) problems.add(part, "is missing from the tarball");
      continue;
    }
    release.package_files[package.name] = folder / part;
    check_digest(folder / part, package.sha1, part, problems);
  }
  check_job_packages(release, problems);
  problems.throw_if_any("release " + release.manifest.name + "/" + release.manifest.version);
  return release;
}

void check_properties_schemas(const ReleaseContent& release) {
  std::map<std::string, const Json*> schemas;
  for (const auto& [name, job] : release.jobs) {
    if (job.properties_schema) schemas.emplace("jobs/" + name + ".tgz", &*job.properties_schema);
  }
  Problems problems;
  check_schemas(schemas, problems);
  problems.throw_if_any("release " + release.manifest.name + "/" + release.manifest.version);
}

}  // namespace slipway::releases
