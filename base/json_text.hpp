#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"

namespace slipway {

// A field of what somebody else wrote: "" where it is missing or no text, or `object` is no object.
inline std::string text_or_empty(const Json& object, std::string_view key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace slipway
