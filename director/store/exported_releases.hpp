#pragma once

#include <string>
#include <vector>

#include "director/store/stores.hpp"

namespace slipway::director {

struct ExportedReleaseRecord {
  BlobId blob;
  std::string release, version, stemcell_os, stemcell_version;
};

// Compiled releases that were made for a download. The row is there before the blob.
class ExportedReleases {
 public:
  explicit ExportedReleases(sql::Database& db) : db_(db) {}
  void insert(const ExportedReleaseRecord& exported, Timestamp now);  // the same blob again: nothing happens
  void remove(const BlobId& blob);
  bool holds(const BlobId& blob);
  std::vector<ExportedReleaseRecord> all();

 private:
  sql::Database& db_;
};

}  // namespace slipway::director
