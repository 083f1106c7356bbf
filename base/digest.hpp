#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace slipway {

enum class DigestKind { sha1, sha256, sha512 };

// Incremental hashing, so that a blob is hashed while it streams past.
class Hasher {
 public:
  explicit Hasher(DigestKind kind);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void update(std::string_view bytes);
  std::string hex();  // ends the computation; lower case

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha1_hex(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
std::string hmac_sha256(std::string_view key, std::string_view message);  // 32 raw bytes

std::string base64_encode(std::string_view bytes);
std::string base64_decode(std::string_view text);      // Fault::invalid
std::string base64url_encode(std::string_view bytes);  // no padding
std::string base64url_decode(std::string_view text);   // Fault::invalid
std::string hex_encode(std::string_view bytes);

// A BOSH digest: bare hex is SHA-1; "sha256:…", "sha512:…"; several joined by ';', of
// which only the strongest is verified. Source: contracts/agent-cpi.md section 5.
class MultiDigest {
 public:
  static MultiDigest parse(std::string_view text);  // Fault::invalid when no known kind is in it

  DigestKind kind() const { return kind_; }         // the strongest present
  const std::string& hex() const { return hex_; }
  bool matches(DigestKind kind, std::string_view hex) const;

 private:
  DigestKind kind_ = DigestKind::sha1;
  std::string hex_;
};

// "sha256:…" of a file, read once in bounded memory.
std::string sha256_of_file(const std::string& path);
// Throws Fault::invalid naming both digests unless the file at `path` matches.
void verify_file(const std::string& path, const MultiDigest& expected);

}  // namespace slipway
