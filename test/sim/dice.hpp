#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"

namespace slipway::sim {

// What one part of the world draws from: each has dice of its own, so that a draw more here changes nothing there.
class Dice final : public Random {
 public:
  Dice(std::uint64_t seed, std::uint64_t part) : random_(seed * 1'000'003 + part) {}
  void fill(std::span<std::byte> out) override { random_.fill(out); }

  bool chance(double probability) {
    constexpr std::uint64_t resolution = 1u << 30;
    return static_cast<double>(below(resolution)) < probability * static_cast<double>(resolution);
  }
  // Uniform, in whole milliseconds.
  Duration between(std::chrono::milliseconds least, std::chrono::milliseconds most) {
    const auto span = static_cast<std::uint64_t>((most - least).count());
    return least + std::chrono::milliseconds(below(span + 1));
  }
  std::size_t pick(std::size_t count) { return static_cast<std::size_t>(below(count)); }

 private:
  SeededRandom random_;
};

}  // namespace slipway::sim
