#include "director/store/problems.hpp"

#include "director/store/rows.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns =
    "SELECT id, deployment, type, state, instance, instance_group, disk, description, data, found_at FROM problems ";

ProblemState state_from(const std::string& text) {
  for (const auto state : {ProblemState::open, ProblemState::closed, ProblemState::resolved}) {
    if (to_string(state) == text) return state;
  }
  throw Error(Fault::internal, "unknown state of a problem '" + text + "'");
}

ProblemRecord read(const sql::Row& row) {
  ProblemRecord problem;
  problem.id = row.integer("id");
  problem.deployment = row.text("deployment");
  problem.type = problem_type_from_string(row.text("type"));
  problem.state = state_from(row.text("state"));
  problem.instance = InstanceId{row.text("instance")};
  problem.group = row.text("instance_group");
  problem.disk = DiskCid{row.text("disk")};
  problem.description = row.text("description");
  problem.data = rows::json(row, "data");
  problem.found_at = rows::time(row, "found_at");
  return problem;
}

constexpr std::string_view forget_old =
    "DELETE FROM problems WHERE deployment = :1 AND state <> 'open' AND id < (SELECT MAX(id) FROM problems)";

}  // namespace

std::vector<ProblemRecord> ProblemReports::replace_open(const std::string& deployment,
                                                        const std::vector<InstanceId>& instances,
                                                        std::vector<ProblemRecord> found, Timestamp now) {
  db_.transaction([&](sql::Session& session) {
    const std::string close = "UPDATE problems SET state = 'closed' WHERE deployment = :1 AND state = 'open'";
    if (instances.empty()) session.run(close, {deployment});
    for (const auto& instance : instances) session.run(close + " AND instance = :2", {deployment, instance.value});
    session.run(forget_old, {deployment});
    for (auto& problem : found) {
      problem.deployment = deployment;
      problem.state = ProblemState::open;
      problem.found_at = now;
      problem.id = session.insert(
          "INSERT INTO problems (deployment, type, state, instance, instance_group, disk, description, data, found_at) "
          "VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9)",
          {deployment, to_string(problem.type), to_string(problem.state), problem.instance.value, problem.group,
           problem.disk.value, problem.description, rows::value(problem.data), rows::value(now)});
    }
  });
  return found;
}

std::vector<ProblemRecord> ProblemReports::open(const std::string& deployment) {
  return rows::all(
      db_.run(std::string(columns) + "WHERE deployment = :1 AND state = 'open' ORDER BY id", {deployment}), read);
}

std::optional<ProblemRecord> ProblemReports::find(std::int64_t id) {
  return rows::first(db_.run(std::string(columns) + "WHERE id = :1", {id}), read);
}

void ProblemReports::resolve(std::int64_t id) {
  db_.run("UPDATE problems SET state = 'resolved' WHERE id = :1 AND state = 'open'", {id});
}

void ProblemReports::remove_of_deployment(const std::string& deployment) {
  db_.transaction([&](sql::Session& session) {
    session.run("UPDATE problems SET state = 'closed' WHERE deployment = :1 AND state = 'open'", {deployment});
    session.run(forget_old, {deployment});
  });
}

}  // namespace slipway::director
