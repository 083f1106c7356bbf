#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/digest.hpp"
#include "director/blobstore/blobstore.hpp"

namespace slipway::director {

// A blob on its way in: a temporary file that is hashed while it grows, and is gone unless it
// is published. Fault::exhausted when the disk is full.
class IncomingBlob {
 public:
  IncomingBlob(const std::filesystem::path& folder, const std::string& name);
  ~IncomingBlob();
  IncomingBlob(const IncomingBlob&) = delete;
  IncomingBlob& operator=(const IncomingBlob&) = delete;

  void append(std::string_view bytes);
  // The same content as `source`, sharing its disk space where the file system can.
  void copy_from(const std::filesystem::path& source);

  // Durable under `target` when it returns. False when something is there already.
  bool publish(const std::filesystem::path& target);

  std::uint64_t size() const { return size_; }
  std::string sha1() { return sha1_.hex(); }      // once, at the end
  std::string sha256() { return sha256_.hex(); }  // once, at the end

 private:
  void account(std::string_view bytes);

  std::filesystem::path path_;
  int file_ = -1;
  std::uint64_t size_ = 0;
  Hasher sha1_{DigestKind::sha1};
  Hasher sha256_{DigestKind::sha256};
};

// Fault::exhausted for a full disk, else Fault::internal; says what was being done.
[[noreturn]] void throw_system_error(int code, const std::string& doing);

}  // namespace slipway::director
