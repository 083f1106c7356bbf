#pragma once

#include <string>

#include "base/error.hpp"
#include "base/json.hpp"

namespace slipway::agent {

// Argument `index`, from 0, of an agent's method. Fault::invalid when it is missing.
inline const Json& argument(const Json& arguments, std::size_t index, const char* name) {
  if (index >= arguments.size()) {
    throw Error(Fault::invalid, "argument " + std::to_string(index + 1) + " (" + name + ") is missing");
  }
  return arguments[index];
}

// The same; Fault::invalid too when it is no text.
inline std::string text_argument(const Json& arguments, std::size_t index, const char* name) {
  const Json& value = argument(arguments, index, name);
  if (!value.is_string()) {
    throw Error(Fault::invalid, "argument " + std::to_string(index + 1) + " (" + name + ") must be a string");
  }
  return value.get<std::string>();
}

}  // namespace slipway::agent
