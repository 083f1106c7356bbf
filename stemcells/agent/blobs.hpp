#pragma once

#include <filesystem>
#include <string>

#include "base/json.hpp"
#include "stemcells/agent/settings.hpp"

namespace slipway::agent {

// Where bytes come from: a blob id of the configured blobstore, or a signed URL.
struct BlobSource {
  std::string blobstore_id;
  std::string signed_url;            // set: goes before the id
  Json headers = Json::object();     // for the signed URL
  std::string digest;                // a multi-digest
};

// Reads "blobstore_id", "sha1" (or "digest"), "signed_url" and "blobstore_headers".
// Fault::invalid naming `what` when neither id nor URL or no digest is there.
BlobSource blob_source_from(const Json& json, const std::string& what);

// Fetches and stores blobs. Provider "local" is served in process; any other by the
// executable bosh-blobstore-<provider>, BOSH's convention: "-c FILE get ID FILE" and
// "-c FILE put FILE ID", the options in a 0600 file. Signed URLs go through
// bosh-blobstore-dav's "fetch FILE" and "upload FILE", the URL in that file too.
class Blobs {
 public:
  Blobs(BlobstoreSettings settings, Paths paths);

  // Returns when the file is there and its digest is right; else throws and leaves nothing.
  void get(const BlobSource& source, const std::filesystem::path& file) const;
  std::string put(const std::filesystem::path& file) const;  // the new blob's id
  void put_signed(const std::string& url, const Json& headers, const std::filesystem::path& file) const;

 private:
  void fetch(const BlobSource& source, const std::filesystem::path& file) const;
  void run_helper(const std::string& provider, const Json& config, const std::vector<std::string>& words) const;
  std::filesystem::path local_path(const std::string& id) const;

  BlobstoreSettings settings_;
  Paths paths_;
};

// Unpacks a tar of any usual compression into an existing folder; owners are this process's.
void unpack_with_tar(const std::filesystem::path& archive, const std::filesystem::path& folder);
// Packs a folder's content with "./" names, gzip, owner root.
void pack_with_tar(const std::filesystem::path& folder, const std::filesystem::path& archive);

std::string sha1_of_file(const std::filesystem::path& file);
std::string sha512_of_file(const std::filesystem::path& file);

}  // namespace slipway::agent
