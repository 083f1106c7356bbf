#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/http/message.hpp"
#include "base/random.hpp"
#include "director/domain/types.hpp"

namespace slipway::director {

struct StoredBlob {
  BlobId id;
  std::uint64_t size = 0;
  std::string sha1, sha256;  // hex
};

// Blobs in a local folder, `<xx>/<id>` with xx the first byte of SHA1(id) in hex. A blob is
// there whole or not at all. Ids come from outside too (agents choose them): an id that is not
// [A-Za-z0-9_-]{1,128} is Fault::invalid. A full disk is Fault::exhausted. Thread-safe.
class Blobstore {
 public:
  Blobstore(std::filesystem::path folder, Random& random);

  StoredBlob put_file(const std::filesystem::path& source);              // copied (reflinked where possible)
  StoredBlob put(http::BodyReader& body, const BlobId& id = {});         // streamed; a new id when empty
  std::filesystem::path path(const BlobId& id) const;                    // Fault::not_found
  bool exists(const BlobId& id) const;
  void remove(const BlobId& id);                                         // fine when it is gone already
  std::vector<BlobId> list() const;

 private:
  std::filesystem::path folder_;
  Random& random_;
};

}  // namespace slipway::director
