#include "director/executor/job_template_cache.hpp"

namespace slipway::director {

std::shared_ptr<const JobTemplates> JobTemplateCache::of(const ReleaseRecord& release, const JobRecord& job) {
  // The release's version is part of what templates see, so it is part of the key.
  const auto key = job.blob.value + " " + release.name + " " + release.version;
  {
    std::lock_guard lock(mutex_);
    if (const auto found = by_blob_.find(key); found != by_blob_.end()) return found->second;
  }
  auto read = std::make_shared<const JobTemplates>(
      read_job_templates(blobs_.path(job.blob), release.name, release.version));
  std::lock_guard lock(mutex_);
  if (by_blob_.size() >= max_entries) by_blob_.clear();
  return by_blob_.emplace(key, std::move(read)).first->second;
}

}  // namespace slipway::director
