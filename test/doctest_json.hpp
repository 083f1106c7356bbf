#pragma once

#include <doctest/doctest.h>

#include "base/json.hpp"

// How a failed check shows JSON, compiled once rather than in every test: part of the tests' precompiled header.
template <>
struct doctest::StringMaker<slipway::Json> {
  static String convert(const slipway::Json& value);
};
