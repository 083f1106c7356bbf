#pragma once

#include <string>
#include <vector>

#include "director/store/stores.hpp"

namespace slipway::director {

// The DNS records as published: a version grows whenever their content changes.
class DnsVersions {
 public:
  explicit DnsVersions(sql::Database& db) : db_(db) {}
  struct Published {
    std::int64_t version = 0;
    bool is_new = false;  // this content was not the latest before
    BlobId blob;          // empty until set_blob
  };
  Published publish(const std::string& content_key, Timestamp now);
  // Forgets older versions and returns their blobs for deletion.
  std::vector<BlobId> set_blob(std::int64_t version, const BlobId& blob);
  std::vector<BlobId> blobs();
  void forget_blob(const BlobId& blob);  // the next publication stores a new one

 private:
  sql::Database& db_;
};

}  // namespace slipway::director
