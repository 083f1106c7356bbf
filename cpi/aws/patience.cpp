#include "cpi/aws/patience.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace slipway::cpi::aws {

namespace {
constexpr std::chrono::milliseconds longest{15'000};
}

Patience::Patience(Clock& clock, std::chrono::milliseconds first, std::chrono::seconds limit,
                   std::string what)
    : clock_(clock),
      next_(first),
      limit_(limit),
      deadline_(clock.monotonic() + limit),
      what_(std::move(what)) {}

void Patience::pause() {
  if (clock_.monotonic() >= deadline_) {
    throw Error(Fault::internal, what_ + ": not within " + std::to_string(limit_.count()) + " s");
  }
  clock_.sleep_for(next_);
  next_ = std::min(next_ * 3 / 2, std::max(next_, longest));
}

}  // namespace slipway::cpi::aws
