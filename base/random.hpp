#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>

namespace slipway {

// Randomness is an interface so that the real code runs in simulation.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::byte> out) = 0;

  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound);            // uniform in [0, bound); bound > 0
  std::string uuid();                                  // version 4, lower case
  std::string text(std::size_t length, std::string_view alphabet);
  std::string hex(std::size_t bytes);
};

// The operating system's generator, fit for keys and passwords. Thread-safe.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override;
};

// Repeatable: the same seed gives the same sequence. Not for secrets. Not thread-safe.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::byte> out) override;

 private:
  std::mt19937_64 engine_;
};

}  // namespace slipway
