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
// yes/no/on/off are booleans, quoted text is text); keys become strings; merge keys
// ("<<") are applied. Throws Fault::invalid with `source`, line and column.
Json parse_yaml(std::string_view text, std::string_view source, YamlLimits limits = {});

// Block style, keys in order, text quoted where YAML 1.1 would read it as something else.
std::string to_yaml(const Json& value);

}  // namespace slipway
