#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "releases/format/job.hpp"
#include "releases/format/manifest.hpp"

namespace slipway::releases {

// A release tarball taken apart and verified: every file is there, has the digest release.MF
// gives and, for jobs, is well formed.
struct ReleaseContent {
  ReleaseManifest manifest;
  // By name, below the folder given to read_release(). A package the caller already holds has
  // no file here when the tarball left it out.
  std::map<std::string, std::filesystem::path> job_files, package_files;
  std::map<std::string, JobArchive> jobs;
};

struct ReadReleaseOptions {
  std::uint64_t max_unpacked_bytes = 20ull << 30;
  // True when the caller holds this package (or job) already: then its tarball may be absent.
  // Source: contracts/director-api.md section 1.3.
  std::function<bool(const ReleaseManifest&, const ReleasePackage&)> has_package;
  std::function<bool(const ReleaseJob&)> has_job;
};

// Streams the tarball's parts into `folder` (exists, empty). Throws Fault::invalid with every
// problem, Fault::exhausted beyond the limit.
ReleaseContent read_release(const std::filesystem::path& tarball, const std::filesystem::path& folder,
                            const ReadReleaseOptions& options = {});

// Fault::invalid with all that is wrong with the jobs' properties_schema.json. Apart from reading, since it starts a
// program when a job has one.
void check_properties_schemas(const ReleaseContent& release);

}  // namespace slipway::releases
