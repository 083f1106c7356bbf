#include "director/store/change_durations.hpp"

namespace slipway::director {

namespace {

constexpr std::int64_t kept = 20;

}  // namespace

void ChangeDurations::add(const std::string& deployment, const ChangeDuration& change) {
  db_.transaction([&](sql::Session& session) {
    session.run(
        "INSERT INTO change_durations (deployment, instance_group, action, milliseconds) VALUES (:1, :2, :3, :4)",
        {deployment, change.group, change.action, std::int64_t{change.took.count()}});
    session.run(
        "DELETE FROM change_durations WHERE deployment = :1 AND instance_group = :2 AND action = :3 AND id NOT IN "
        "(SELECT id FROM change_durations WHERE deployment = :1 AND instance_group = :2 AND action = :3 ORDER BY id DESC "
        "LIMIT :4)",
        {deployment, change.group, change.action, kept});
  });
}

std::vector<ChangeDuration> ChangeDurations::of(const std::string& deployment) {
  std::vector<ChangeDuration> found;
  const auto result = db_.run(
      "SELECT instance_group, action, milliseconds FROM change_durations WHERE deployment = :1 ORDER BY id", {deployment});
  for (const auto& row : result.rows) {
    found.push_back({row.text("instance_group"), row.text("action"),
                     std::chrono::milliseconds{row.integer("milliseconds")}});
  }
  return found;
}

}  // namespace slipway::director
