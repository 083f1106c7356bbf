#pragma once

#include <span>
#include <string>

#include "base/json.hpp"

namespace slipway::pks {

// How a worker is emptied before it goes. The API has all values as text; a manifest gets them with their
// types.
struct DrainSetting {
  const char* name;
  const char* fallback;  // a deadline by default: a budget that allows no eviction must not block for ever
  int min, max;          // both 0: true or false
  bool is_flag() const { return min == max; }
  bool takes(const std::string& text) const;
  std::string allowed() const;
  Json typed(const std::string& text) const;  // `text` is one it takes
};

std::span<const DrainSetting> drain_settings();

// A plan's own defaults, as text by name.
Json checked_drain_defaults(const Json& given, const std::string& place, Problems& problems);

// Text as it is, anything else as JSON: clients send "5" as well as 5.
std::string setting_text(const Json& value);

}  // namespace slipway::pks
