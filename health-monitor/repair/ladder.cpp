#include "health-monitor/repair/ladder.hpp"

#include <algorithm>

namespace slipway::health {

std::string to_string(Rung rung) {
  switch (rung) {
    case Rung::reboot:
      return "reboot";
    case Rung::replace:
      return "replace";
  }
  return "replace";
}

std::string to_string(Trouble trouble) {
  switch (trouble) {
    case Trouble::silent:
      return "silent";
    case Trouble::missing:
      return "missing";
    case Trouble::full:
      return "full";
    case Trouble::failing:
      return "failing";
  }
  return "silent";
}

Rung Lineage::next_rung(const LadderSettings& settings, Trouble trouble) const {
  if (trouble == Trouble::missing || trouble == Trouble::full) return Rung::replace;
  const auto last = settings.rungs.size() - 1;
  return settings.rungs[std::min(static_cast<std::size_t>(attempts_), last)];
}

void Lineage::ended(const LadderSettings& settings, Instant now) {
  ++attempts_;
  // The next rung is another remedy: it need not wait. Only the same one again does.
  const auto repeats = attempts_ - static_cast<int>(settings.rungs.size());
  if (repeats < 0 && last_ != settings.rungs.back()) {
    not_before_ = now;
    return;
  }
  auto pause = settings.backoff_first;
  for (int i = 0; i < repeats && pause < settings.backoff_most; ++i) pause *= 2;
  not_before_ = now + std::min(pause, settings.backoff_most);
}

void Lineage::troubled(const LadderSettings& settings, Instant now) {
  if (healthy_since_ && now - *healthy_since_ >= settings.forget_after) *this = Lineage();
  healthy_since_.reset();
}

}  // namespace slipway::health
