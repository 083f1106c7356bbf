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
    BlobId blob;          // empty until set_sent
  };
  Published publish(const std::string& content_key, Timestamp now);
  // The blob of a version has its id before it is there: whoever is interrupted leaves none that
  // nobody knows.
  static BlobId blob_of(std::int64_t version, const std::string& content_key);
  std::vector<BlobId> blobs_before(std::int64_t version);
  // All agents were told and the blobs of older versions are gone: these are forgotten.
  void set_sent(std::int64_t version, const BlobId& blob);
  std::vector<BlobId> blobs();  // of those that were sent
  void forget_blob(const BlobId& blob);  // the next publication stores it again

 private:
  sql::Database& db_;
};

}  // namespace slipway::director
