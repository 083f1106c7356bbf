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

// The same where YAML may have read the text as a number: a version 1.0.
inline std::string scalar_text(const Json& object, std::string_view key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (found == object.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : dump(*found);
}

// What says null for "nothing" on the wire.
inline Json text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return text;
}

}  // namespace slipway
