#pragma once

#include <vector>

#include "base/sql/database.hpp"

namespace slipway::director {

// The files of migrations/, built into the program. Forward only.
std::vector<sql::Migration> migrations();

}  // namespace slipway::director
