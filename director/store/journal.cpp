#include "director/store/rows.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns = "SELECT id, task_id, kind, step_key, intent, outcome FROM steps ";

StepRecord read(const sql::Row& row) {
  StepRecord step;
  step.id = row.integer("id");
  step.task = row.integer("task_id");
  step.kind = row.text("kind");
  step.key = row.text("step_key");
  step.intent = rows::json(row, "intent");
  if (row.maybe_text("outcome")) step.outcome = rows::json(row, "outcome");
  return step;
}

}  // namespace

StepRecord Journal::begin(TaskId task, const std::string& kind, const std::string& key, const Json& intent,
                          Timestamp now) {
  StepRecord step;
  db_.transaction([&](sql::Session& session) {
    session.run(
        "INSERT INTO steps (task_id, kind, step_key, intent, began_at) VALUES (:1, :2, :3, :4, :5) "
        "ON CONFLICT (task_id, kind, step_key) DO NOTHING",
        {task, kind, key, rows::value(intent), rows::value(now)});
    step = read(session
                    .run(std::string(columns) + "WHERE task_id = :1 AND kind = :2 AND step_key = :3",
                         {task, kind, key})
                    .rows.at(0));
  });
  return step;
}

void Journal::finish(std::int64_t step, const Json& outcome, Timestamp now) {
  rows::expect_one(db_.run("UPDATE steps SET outcome = :1, finished_at = :2 WHERE id = :3",
                           {rows::value(outcome), rows::value(now), step}),
                   "step " + std::to_string(step));
}

std::vector<StepRecord> Journal::unfinished(TaskId task) {
  return rows::all(db_.run(std::string(columns) + "WHERE task_id = :1 AND outcome IS NULL ORDER BY id", {task}),
                   read);
}

std::vector<StepRecord> Journal::of_task(TaskId task) {
  return rows::all(db_.run(std::string(columns) + "WHERE task_id = :1 ORDER BY id", {task}), read);
}

std::vector<StepRecord> Journal::left_unfinished(const std::string& kind, const std::string& deployment) {
  return left(kind, "deployment = :2", {deployment});
}

std::vector<StepRecord> Journal::left_by_deleted(const std::string& kind) {
  return left(kind, "deployment NOT IN (SELECT name FROM deployments)", {});
}

// `which`: a condition on tasks; `values` are those it names, from :2 on.
std::vector<StepRecord> Journal::left(const std::string& kind, const std::string& which,
                                      std::vector<sql::Value> values) {
  values.insert(values.begin(), kind);
  return rows::all(db_.run(std::string(columns) + "WHERE kind = :1 AND outcome IS NULL AND task_id IN (SELECT id FROM tasks "
                               "WHERE " + which + " AND state IN " + std::string(rows::final_task_states) + ") ORDER BY id",
                           values),
                   read);
}

}  // namespace slipway::director
