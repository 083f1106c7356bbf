#include "test/sim/trace.hpp"

#include <cstdio>

namespace slipway::sim {

namespace {

constexpr std::size_t kept = 60;

std::string shown(Instant now) {
  char text[32];
  std::snprintf(text, sizeof text, "%10.3f", std::chrono::duration<double>(now.time_since_epoch()).count() - 3600);
  return text;
}

}  // namespace

void Trace::line(Instant now, std::string_view who, std::string_view what) {
  auto text = shown(now) + "  ";
  text += who;
  text += ": ";
  text += what;
  for (const char c : text) digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 1099511628211u;  // FNV-1a
  ++lines_;
  if (show) show(text);
  last_.push_back(std::move(text));
  if (last_.size() > kept) last_.pop_front();
}

void Trace::fault(Instant now, const std::string& name, std::string_view what) {
  ++faults_[name];
  line(now, "fault", name + (what.empty() ? "" : " ") + std::string(what));
}

std::string Trace::last_lines() const {
  std::string text;
  for (const auto& line : last_) text += line + "\n";
  return text;
}

}  // namespace slipway::sim
