#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "director/blobstore/blobstore.hpp"
#include "director/domain/types.hpp"
#include "director/templates/job_templates.hpp"

namespace slipway::director {

// Job tarballs are read once a process: their blobs never change. Thread-safe.
class JobTemplateCache {
 public:
  explicit JobTemplateCache(Blobstore& blobs) : blobs_(blobs) {}
  std::shared_ptr<const JobTemplates> of(const ReleaseRecord& release, const JobRecord& job);

 private:
  static constexpr std::size_t max_entries = 500;
  Blobstore& blobs_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const JobTemplates>> by_blob_;
};

}  // namespace slipway::director
