#pragma once

#include <string_view>

namespace slipway::pks {

// openapi.yml, as it was when this was built.
std::string_view openapi_document();

}  // namespace slipway::pks
