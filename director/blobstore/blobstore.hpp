#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
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
// there whole or not at all, and never changes: storing other content under its id is
// Fault::conflict, the same content is fine. Ids come from outside too (agents choose them): an
// id that is not [A-Za-z0-9_-]{1,128} is Fault::invalid. A full disk is Fault::exhausted, found
// before the first byte where the length is known. Thread-safe, also between processes.
class Blobstore {
 public:
  // Creates the folder (mode 0700) and removes what uploads cut off a day ago left in
  // `incoming`. `random` outlives the object.
  Blobstore(std::filesystem::path folder, Random& random);

  // A new id when `id` is empty. A file is copied (reflinked where possible), a body streamed.
  StoredBlob put_file(const std::filesystem::path& source, const BlobId& id = {});
  StoredBlob put(http::BodyReader& body, const BlobId& id = {});
  std::filesystem::path path(const BlobId& id) const;             // Fault::not_found
  bool exists(const BlobId& id) const;
  void remove(const BlobId& id);     // fine when it is gone already
  std::vector<BlobId> list() const;  // sorted
  std::uint64_t free_bytes() const;  // of the file system

  // "xx/id", below the folder and in URLs. Fault::invalid for an id that is none.
  static std::string place(const BlobId& id);

 private:
  std::string new_id();
  StoredBlob publish(class IncomingBlob& blob, BlobId id);

  std::filesystem::path folder_;
  std::mutex random_mutex_;
  Random& random_;
};

}  // namespace slipway::director
