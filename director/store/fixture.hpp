#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/sql/database.hpp"
#include "director/store/schema.hpp"

namespace slipway::director {

// For tests: an empty store in a folder of its own.
struct StoreFixture {
  TempDir folder{"slipway-store"};
  sql::Database db{"sqlite://" + folder.path().string() + "/director.db"};
  Timestamp now{std::chrono::hours{24 * 365 * 56}};

  StoreFixture() { db.migrate(migrations()); }
};

}  // namespace slipway::director
