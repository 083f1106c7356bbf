#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"

// What a target is: one function that is given hostile bytes. Refusing them with an Error is
// right; any other exception, a sanitizer's finding, a slow or greedy run is a finding.
namespace slipway::fuzz {

void run(std::string_view input);  // each target defines it

template <class Work>
void refusals_are_right(const Work& work) {
  try {
    work();
  } catch (const Error&) {
  }
}

// An invariant that inputs cannot break.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace slipway::fuzz
