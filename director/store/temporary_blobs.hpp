#pragma once

#include <optional>
#include <string>
#include <vector>

#include "director/store/stores.hpp"

namespace slipway::director {

// Blobs that somebody will fetch soon and nobody needs for long, such as logs.
class TemporaryBlobs {
 public:
  explicit TemporaryBlobs(sql::Database& db) : db_(db) {}
  void add(const BlobId& blob, const std::string& deployment, Timestamp expires_at);
  std::optional<std::string> deployment_of(const BlobId& blob);  // nullopt: not a temporary blob
  std::vector<BlobId> expired(Timestamp now);
  // What was learnt of an instance's VM before it was replaced: the same, and known by its instance ("group/id").
  void add_bundle(const BlobId& blob, const std::string& deployment, const std::string& instance, Timestamp now,
                  Timestamp expires_at);
  std::vector<BlobId> bundles_of(const std::string& deployment);  // newest first
  void remove(const BlobId& blob);

 private:
  sql::Database& db_;
};

}  // namespace slipway::director
