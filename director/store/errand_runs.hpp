#pragma once

#include <optional>
#include <string>

#include "director/store/stores.hpp"

namespace slipway::director {

// What each errand of a deployment ran with when it last succeeded. Goes with the deployment.
class ErrandRuns {
 public:
  explicit ErrandRuns(sql::Database& db) : db_(db) {}
  std::optional<std::string> last_success(const std::string& deployment, const std::string& errand);
  void record_success(const std::string& deployment, const std::string& errand, const std::string& state_hash,
                      Timestamp now);
  // Before a run: as long as it has not succeeded, there is no success to compare with.
  void forget(const std::string& deployment, const std::string& errand);

 private:
  sql::Database& db_;
};

}  // namespace slipway::director
