#pragma once

#include "base/sql/database.hpp"

namespace slipway::director {

// Switches that operators flip at run time; they outlive a restart.
class DirectorAttributes {
 public:
  explicit DirectorAttributes(sql::Database& db) : db_(db) {}
  bool resurrection_paused();
  void set_resurrection_paused(bool paused);

 private:
  sql::Database& db_;
};

}  // namespace slipway::director
