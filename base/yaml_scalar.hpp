#pragma once

#include <string_view>

#include "base/json.hpp"

namespace slipway::yaml {

// The value of a plain (unquoted) scalar, typed as Ruby's Psych 4 types it, including
// commas and underscores in numbers, 0-prefixed octal and base 60 ("1:30"). What JSON
// cannot hold stays text: dates, symbols, infinities, integers beyond 64 bits.
// Source: Psych's lib/psych/scalar_scanner.rb, version 4.0.
Json resolve_plain(std::string_view text);

// True when `text` may stand unquoted in a block mapping and every YAML reader, 1.1 or
// 1.2, takes it for the same text. Rather says no than maybe.
bool may_stand_plain(std::string_view text);

}  // namespace slipway::yaml
