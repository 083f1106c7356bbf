#pragma once

#include <string>

#include "base/json.hpp"

namespace slipway::cli {

// "k:v,k2:v2" as the API has tags; an empty text is no tags at all. UsageError for anything else.
Json parsed_tags(const std::string& text);

// What an order would change, a line each, and what it would destroy.
std::string changes_text(const Json& preview);

}  // namespace slipway::cli
