#include "test/doctest_json.hpp"

doctest::String doctest::StringMaker<slipway::Json>::convert(const slipway::Json& value) {
  return slipway::dump(value).c_str();
}
