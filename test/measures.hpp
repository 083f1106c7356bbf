#pragma once

namespace slipway::test {

// Sanitizers keep freed memory and slow everything down: figures mean nothing under them.
#if defined(SLIPWAY_SANITIZED)
inline constexpr bool measures = false;
#else
inline constexpr bool measures = true;
#endif

}  // namespace slipway::test
