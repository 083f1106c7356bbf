#include "director/store/errand_runs.hpp"

#include "director/store/rows.hpp"

namespace slipway::director {

std::optional<std::string> ErrandRuns::last_success(const std::string& deployment, const std::string& errand) {
  return rows::first(db_.run("SELECT state_hash FROM errand_runs WHERE deployment = :1 AND errand = :2",
                             {deployment, errand}),
                     [](const sql::Row& row) { return row.text("state_hash"); });
}

void ErrandRuns::record_success(const std::string& deployment, const std::string& errand,
                                const std::string& state_hash, Timestamp now) {
  db_.run(
      "INSERT INTO errand_runs (deployment, errand, state_hash, succeeded_at) VALUES (:1, :2, :3, :4) "
      "ON CONFLICT (deployment, errand) DO UPDATE SET state_hash = :3, succeeded_at = :4",
      {deployment, errand, state_hash, rows::value(now)});
}

void ErrandRuns::forget(const std::string& deployment, const std::string& errand) {
  db_.run("DELETE FROM errand_runs WHERE deployment = :1 AND errand = :2", {deployment, errand});
}

}  // namespace slipway::director
