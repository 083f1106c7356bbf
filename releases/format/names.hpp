#pragma once

#include <string_view>

namespace slipway::releases {

inline constexpr std::string_view name_rule =
    "allowed are letters, digits and _ . - +, at most 200, not starting with a dot or a dash";

// Names of releases, jobs, packages and stemcells become file names and URL parts.
bool is_valid_name(std::string_view name);

}  // namespace slipway::releases
