#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/sql/database.hpp"

namespace slipway::director {

struct ChangeDuration {
  std::string group, action;
  std::chrono::milliseconds took{0};
};

// How long changes of a deployment's instances took: the last 20 of each group and action.
class ChangeDurations {
 public:
  explicit ChangeDurations(sql::Database& db) : db_(db) {}
  void add(const std::string& deployment, const ChangeDuration& change);
  std::vector<ChangeDuration> of(const std::string& deployment);

 private:
  sql::Database& db_;
};

}  // namespace slipway::director
