#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "director/uploads/artifact_tasks.hpp"
#include "releases/format/tarball.hpp"

namespace slipway::director {

// Takes one release in, of sources or compiled. The id of each blob is in the journal before the
// blob is stored: after a restart it is stored under the same id, after a failure it is removed.
class ReleaseUpload {
 public:
  ReleaseUpload(ArtifactServices& services, TaskContext& task);
  std::string run();  // the task's result

 private:
  void read(const std::filesystem::path& tarball, const std::filesystem::path& folder);
  void compare_with_known();
  void rebase();
  void store();
  ReleaseRecord record();
  PackageRecord package_record(const releases::ReleasePackage& package);
  JobRecord job_record(const releases::ReleaseJob& job);
  CompiledByName compiled_packages(const ReleaseRecord& release);
  ReleaseRecord broken_parts(const ReleaseRecord& uploaded);

  // A blob of the same source, whatever release brought it; one compiled for the same.
  std::optional<PackageRecord> source_of(const releases::ReleasePackage& package) const;
  std::optional<CompiledPackageRecord> compiled_of(const releases::ReleaseManifest& manifest,
                                                   const releases::ReleasePackage& package) const;
  BlobId store_blob(const std::string& kind, const std::string& name, const std::filesystem::path& file);
  void remove_unused_blobs();

  ArtifactServices& services_;
  TaskContext& task_;
  const bool fix_, rebase_;
  releases::ReleaseContent content_;
  std::unique_ptr<Locks::Held> lock_;
  std::optional<ReleaseRecord> known_;
  std::vector<BlobId> stored_;
};

}  // namespace slipway::director
