#include "base/random.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/digest.hpp"
#include "base/error.hpp"

namespace slipway {

std::uint64_t Random::next() {
  std::array<std::byte, 8> bytes;
  fill(bytes);
  std::uint64_t value = 0;
  for (const auto byte : bytes) value = value << 8 | std::to_integer<std::uint64_t>(byte);
  return value;
}

std::uint64_t Random::below(std::uint64_t bound) {
  if (bound == 0) throw Error(Fault::internal, "a random number below 0 was asked for");
  // The values above the largest multiple of `bound` would favour small results.
  const auto limit = std::numeric_limits<std::uint64_t>::max() - std::numeric_limits<std::uint64_t>::max() % bound;
  for (;;) {
    const auto value = next();
    if (value < limit) return value % bound;
  }
}

std::string Random::uuid() {
  std::array<std::byte, 16> bytes;
  fill(bytes);
  bytes[6] = (bytes[6] & std::byte{0x0f}) | std::byte{0x40};
  bytes[8] = (bytes[8] & std::byte{0x3f}) | std::byte{0x80};
  auto text = hex_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  for (const std::size_t dash : {20u, 16u, 12u, 8u}) text.insert(dash, 1, '-');
  return text;
}

std::string Random::text(std::size_t length, std::string_view alphabet) {
  if (alphabet.empty()) throw Error(Fault::internal, "random text needs an alphabet");
  std::string out(length, '\0');
  for (auto& c : out) c = alphabet[below(alphabet.size())];
  return out;
}

std::string Random::hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  fill(std::as_writable_bytes(std::span(raw)));
  return hex_encode(raw);
}

void SystemRandom::fill(std::span<std::byte> out) {
  while (!out.empty()) {
    const auto got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw Error(Fault::internal, std::string("getrandom: ") + std::strerror(errno));
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

void SeededRandom::fill(std::span<std::byte> out) {
  for (std::size_t i = 0; i < out.size();) {
    auto word = engine_();
    for (int k = 0; k < 8 && i < out.size(); ++k, word >>= 8) out[i++] = static_cast<std::byte>(word & 0xff);
  }
}

}  // namespace slipway
