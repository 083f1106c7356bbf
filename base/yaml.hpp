#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"

namespace slipway {

struct YamlLimits {
  std::size_t max_bytes = 16u << 20;
  std::size_t max_nodes = 1'000'000;  // counted after aliases are expanded: stops "YAML bombs"
  int max_depth = 64;
};

// One YAML document as JSON. Scalars are typed as Ruby's Psych types them (YAML 1.1:
// yes/no/on/off are booleans, 0644 is 420, 1_000 and 1,000 are numbers, 22:30 is base 60,
// quoted text is text). What JSON lacks stays text: dates, symbols, .inf, .nan, integers
// beyond 64 bits. Keys become strings as they are written; merge keys ("<<") are applied,
// the mapping's own keys win. Tags other than YAML's own scalar, map and seq are refused.
// Throws Fault::invalid with `source`, line and column; all duplicate keys at once.
Json parse_yaml(std::string_view text, std::string_view source, YamlLimits limits = {});

// Block style, keys in order but `name` first (it says what an item of a list is), text quoted
// where YAML 1.1 would read it as something else.
std::string to_yaml(const Json& value);

}  // namespace slipway
