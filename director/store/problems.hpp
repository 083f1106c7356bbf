#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/sql/database.hpp"
#include "director/domain/problems.hpp"

namespace slipway::director {

// What scans found, until it is resolved or a later scan does not find it any more.
class ProblemReports {
 public:
  explicit ProblemReports(sql::Database& db) : db_(db) {}
  // Closes what is open of the deployment (of these instances only, when there are any), writes down
  // what was found instead, and returns it with its numbers.
  std::vector<ProblemRecord> replace_open(const std::string& deployment, const std::vector<InstanceId>& instances,
                                          std::vector<ProblemRecord> found, Timestamp now);
  std::vector<ProblemRecord> open(const std::string& deployment);
  std::optional<ProblemRecord> find(std::int64_t id);
  void resolve(std::int64_t id);
  void remove_of_deployment(const std::string& deployment);

 private:
  sql::Database& db_;
};

}  // namespace slipway::director
