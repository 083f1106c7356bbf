#include "base/digest.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

namespace slipway {

struct Hasher::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

namespace {

const EVP_MD* algorithm(DigestKind kind) {
  switch (kind) {
    case DigestKind::sha1: return EVP_sha1();
    case DigestKind::sha256: return EVP_sha256();
    case DigestKind::sha512: return EVP_sha512();
  }
  return EVP_sha256();
}

std::string_view name_of(DigestKind kind) {
  switch (kind) {
    case DigestKind::sha1: return "sha1";
    case DigestKind::sha256: return "sha256";
    case DigestKind::sha512: return "sha512";
  }
  return "sha256";
}

void require(bool good, const char* what) {
  if (!good) throw Error(Fault::internal, std::string("OpenSSL: ") + what + " failed");
}

}  // namespace

Hasher::Hasher(DigestKind kind) : state_(std::make_unique<State>()) {
  require(state_->context && EVP_DigestInit_ex(state_->context.get(), algorithm(kind), nullptr) == 1, "digest init");
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(std::string_view bytes) {
  require(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1, "digest update");
}

std::string Hasher::hex() {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  require(EVP_DigestFinal_ex(state_->context.get(), out, &size) == 1, "digest end");
  return hex_encode({reinterpret_cast<const char*>(out), size});
}

std::string sha1_hex(std::string_view bytes) {
  Hasher hasher(DigestKind::sha1);
  hasher.update(bytes);
  return hasher.hex();
}

std::string sha256_hex(std::string_view bytes) {
  Hasher hasher(DigestKind::sha256);
  hasher.update(bytes);
  return hasher.hex();
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  require(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
               reinterpret_cast<const unsigned char*>(message.data()), message.size(), out, &size) != nullptr,
          "HMAC");
  return {reinterpret_cast<const char*>(out), size};
}

namespace {

constexpr std::string_view standard_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode64(std::string_view bytes, std::string_view alphabet, bool padded) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto left = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < left ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) {
      if (k <= left) {
        out += alphabet[group >> (18 - 6 * k) & 63];
      } else if (padded) {
        out += '=';
      }
    }
  }
  return out;
}

constexpr std::array<signed char, 256> values_of(std::string_view alphabet) {
  std::array<signed char, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<signed char>(i);
  }
  return values;
}

// `text` without padding. Only the one canonical spelling is accepted.
std::string decode64(std::string_view text, const std::array<signed char, 256>& values) {
  if (text.size() % 4 == 1) throw Error(Fault::invalid, "base64 text is cut off");
  std::string out;
  out.reserve(text.size() * 3 / 4);
  unsigned bits = 0;
  int held = 0;
  for (const char c : text) {
    const int value = values[static_cast<unsigned char>(c)];
    if (value < 0) throw Error(Fault::invalid, "base64 text has a character that is not allowed");
    bits = bits << 6 | static_cast<unsigned>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>(bits >> held & 0xff);
      bits &= (1u << held) - 1;
    }
  }
  if (bits != 0) throw Error(Fault::invalid, "base64 text has stray bits at its end");
  return out;
}

}  // namespace

std::string base64_encode(std::string_view bytes) { return encode64(bytes, standard_alphabet, true); }
std::string base64url_encode(std::string_view bytes) { return encode64(bytes, url_alphabet, false); }

std::string base64_decode(std::string_view text) {
  static constexpr auto values = values_of(standard_alphabet);
  std::string joined;  // encoders break lines
  joined.reserve(text.size());
  for (const char c : text) {
    if (c != '\n' && c != '\r') joined += c;
  }
  if (joined.size() % 4 != 0) throw Error(Fault::invalid, "base64 text is cut off");
  for (int i = 0; i < 2 && !joined.empty() && joined.back() == '='; ++i) joined.pop_back();
  return decode64(joined, values);
}

std::string base64url_decode(std::string_view text) {
  static constexpr auto values = values_of(url_alphabet);
  return decode64(text, values);
}

std::string hex_encode(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

namespace {

std::optional<DigestKind> kind_named(std::string_view name) {
  if (name == "sha1") return DigestKind::sha1;
  if (name == "sha256") return DigestKind::sha256;
  if (name == "sha512") return DigestKind::sha512;
  return std::nullopt;
}

std::size_t hex_length(DigestKind kind) { return 2 * static_cast<std::size_t>(EVP_MD_get_size(algorithm(kind))); }

std::string lower_hex(std::string_view text) {
  std::string out(text);
  for (auto& c : out) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return {};
  }
  return out;
}

}  // namespace

MultiDigest MultiDigest::parse(std::string_view text) {
  MultiDigest best;
  bool found = false;
  for (auto rest = text; !rest.empty();) {
    const auto part = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    if (part.empty()) continue;
    const auto colon = part.find(':');
    const auto kind = colon == std::string_view::npos ? DigestKind::sha1 : kind_named(part.substr(0, colon));
    if (!kind) continue;
    auto hex = lower_hex(colon == std::string_view::npos ? part : part.substr(colon + 1));
    if (hex.size() != hex_length(*kind)) {
      throw Error(Fault::invalid, "not a " + std::string(name_of(*kind)) + " digest: \"" +
                                      std::string(part.substr(0, 160)) + "\"");
    }
    if (!found || *kind > best.kind_) {
      best.kind_ = *kind;
      best.hex_ = std::move(hex);
      found = true;
    }
  }
  if (!found) {
    throw Error(Fault::invalid, "no digest of a known kind (sha1, sha256, sha512) in \"" +
                                    std::string(text.substr(0, 160)) + "\"");
  }
  return best;
}

bool MultiDigest::matches(DigestKind kind, std::string_view hex) const {
  return kind == kind_ && lower_hex(hex) == hex_;
}

namespace {

std::string hash_file(const std::string& path, DigestKind kind) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    throw Error(errno == ENOENT ? Fault::not_found : Fault::internal, path + ": " + std::strerror(errno));
  }
  Hasher hasher(kind);
  std::vector<char> buffer(1u << 18);
  ssize_t got = 0;
  int failure = 0;
  for (;;) {
    got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    hasher.update({buffer.data(), static_cast<std::size_t>(got)});
  }
  if (got < 0) failure = errno;
  ::close(fd);
  if (failure != 0) throw Error(Fault::internal, path + ": " + std::strerror(failure));
  return hasher.hex();
}

}  // namespace

std::string sha256_of_file(const std::string& path) { return "sha256:" + hash_file(path, DigestKind::sha256); }

void verify_file(const std::string& path, const MultiDigest& expected) {
  const auto actual = hash_file(path, expected.kind());
  if (expected.matches(expected.kind(), actual)) return;
  const auto name = std::string(name_of(expected.kind()));
  throw Error(Fault::invalid, path + ": expected " + name + ":" + expected.hex() + " but it is " + name + ":" + actual);
}

}  // namespace slipway
