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
  void remove(const BlobId& blob);

 private:
  sql::Database& db_;
};

}  // namespace slipway::director
