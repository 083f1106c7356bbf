#include <filesystem>

#include "director/store/rows.hpp"
#include "director/tasks/task_queue.hpp"

namespace slipway::director {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view columns =
    "SELECT id, type, state, description, result, username, deployment, context_id, arguments, created_at, "
    "started_at, finished_at, fence FROM tasks ";

TaskRecord read(const sql::Row& row) {
  TaskRecord task;
  task.id = row.integer("id");
  task.type = row.text("type");
  task.state = task_state_from_string(row.text("state"));
  task.description = row.text("description");
  task.result = row.text("result");
  task.user = row.text("username");
  task.deployment = row.text("deployment");
  task.context_id = row.text("context_id");
  task.arguments = rows::json(row, "arguments");
  task.created_at = rows::time(row, "created_at");
  task.started_at = rows::maybe_time(row, "started_at");
  task.finished_at = rows::maybe_time(row, "finished_at");
  task.fence = row.integer("fence");
  return task;
}

std::string quoted_states_that_may_become(TaskState to) {
  std::string list;
  for (const auto from : {TaskState::queued, TaskState::processing, TaskState::cancelling})
    if (may_move(from, to)) list += (list.empty() ? "'" : ", '") + to_string(from) + "'";
  return list.empty() ? "''" : list;
}

// "AND column IN (:n, …)"; the values are appended.
std::string one_of(const std::string& column, const std::vector<std::string>& texts, std::vector<sql::Value>& values) {
  std::string list;
  for (const auto& text : texts) {
    values.emplace_back(text);
    list += (list.empty() ? ":" : ", :") + std::to_string(values.size());
  }
  return " AND " + column + " IN (" + list + ")";
}

// What `bosh tasks` shows without --all; the others belong to listings and sign-ins.
const std::vector<std::string>& types_of_interest() {
  static const std::vector<std::string> types = {
      "attach_disk",     "change_instances",  "create_deployment", "delete_deployment", "delete_release",
      "delete_stemcell", "export_release",    "run_errand",        "scan_and_fix",      "cck_apply",
      "cck_scan",        "update_release",    "update_stemcell",   "cleanup",           "fetch_logs",
      "create_snapshot", "delete_snapshot",   "delete_orphan_disks", "delete_vm",       "orphan_disk",
      "snapshot_deployment", "delete_deployment_snapshots"};
  return types;
}

std::int64_t insert_row(sql::Session& session, const TaskRecord& task) {
  return session.insert(
      "INSERT INTO tasks (type, state, description, result, username, deployment, context_id, arguments, created_at) "
      "VALUES (:1, 'queued', :2, '', :3, :4, :5, :6, :7)",
      {task.type, task.description, task.user, task.deployment, task.context_id, rows::value(task.arguments),
       rows::value(task.created_at)});
}

TaskRecord as_queued(TaskRecord task, Timestamp now) {
  task.state = TaskState::queued;
  task.result.clear();
  task.created_at = now;
  task.started_at.reset();
  task.finished_at.reset();
  task.fence = 0;
  return task;
}

}  // namespace

TaskRecord Tasks::insert(TaskRecord task, Timestamp now) {
  task = as_queued(std::move(task), now);
  db_.transaction([&](sql::Session& session) { task.id = insert_row(session, task); });
  return task;
}

TaskRecord Tasks::insert_once(TaskRecord task, Timestamp since, Timestamp now) {
  if (task.context_id.empty()) return insert(std::move(task), now);
  task = as_queued(std::move(task), now);
  TaskRecord stored;
  db_.transaction([&](sql::Session& session) {
    const auto before = rows::first(
        session.run(std::string(columns) + "WHERE context_id = :1 AND username = :2 AND type = :3 AND deployment = :4 "
                                           "AND arguments = :5 AND created_at >= :6 ORDER BY id LIMIT 1",
                    {task.context_id, task.user, task.type, task.deployment, rows::value(task.arguments),
                     rows::value(since)}),
        read);
    stored = before ? *before : task;
    if (!before) stored.id = insert_row(session, task);
  });
  return stored;
}

std::optional<TaskRecord> Tasks::find(TaskId id) {
  return rows::first(db_.run(std::string(columns) + "WHERE id = :1", {id}), read);
}

std::vector<TaskRecord> Tasks::list(const TaskFilter& filter) {
  std::string where = "WHERE 1 = 1";
  std::vector<sql::Value> values;
  std::vector<std::string> states;
  for (const auto state : filter.states) states.push_back(to_string(state));
  if (!states.empty()) where += one_of("state", states, values);
  if (!filter.types.empty()) where += one_of("type", filter.types, values);
  if (!filter.include_internal) where += one_of("type", types_of_interest(), values);
  if (!filter.deployment.empty()) where += one_of("deployment", {filter.deployment}, values);
  if (!filter.context_id.empty()) where += one_of("context_id", {filter.context_id}, values);
  values.emplace_back(std::int64_t{filter.limit});
  return rows::all(db_.run(std::string(columns) + where + " ORDER BY id DESC LIMIT :" + std::to_string(values.size()),
                           values),
                   read);
}

std::optional<TaskRecord> Tasks::claim(const std::string& director, const std::vector<std::string>& types,
                                       Timestamp now) {
  if (types.empty()) return std::nullopt;
  std::vector<sql::Value> filter;
  const auto of_types = one_of("type", types, filter);
  while (true) {
    const auto next =
        db_.run("SELECT id FROM tasks WHERE state = 'queued'" + of_types + " ORDER BY id LIMIT 1", filter);
    if (next.rows.empty()) return std::nullopt;
    const auto id = next.rows.front().integer("id");
    const bool won = db_.run("UPDATE tasks SET state = 'processing', director = :1, heartbeat_at = :2, started_at = "
                             ":2, fence = fence + 1 WHERE id = :3 AND state = 'queued'",
                             {director, rows::value(now), id})
                         .changed == 1;
    if (won) return find(id);
  }
}

std::vector<TaskRecord> Tasks::take_over(const std::string& director, Timestamp now,
                                         std::chrono::seconds silent_for) {
  std::vector<TaskRecord> taken;
  db_.transaction([&](sql::Session& session) {
    // Where no other director lives no clock is asked: it may have been set back since the last heartbeat.
    const std::int64_t anyones = silent_for == std::chrono::seconds{0} ? 1 : 0;
    taken = rows::all(session.run(std::string(columns) +
                                      "WHERE state IN ('processing', 'cancelling') AND director <> :1 AND "
                                      "(:3 = 1 OR director = '' OR heartbeat_at <= :2) ORDER BY id",
                                  {director, rows::value(now - silent_for), anyones}),
                      read);
    for (auto& task : taken) {
      session.run("UPDATE tasks SET director = :1, heartbeat_at = :2, fence = fence + 1 WHERE id = :3",
                  {director, rows::value(now), task.id});
      ++task.fence;
    }
  });
  return taken;
}

bool Tasks::holds(const TaskRecord& claimed, const std::string& director) {
  return !db_.run("SELECT id FROM tasks WHERE id = :1 AND director = :2 AND fence = :3",
                  {claimed.id, director, claimed.fence})
              .rows.empty();
}

bool Tasks::heartbeat(TaskId id, const std::string& director, Timestamp now) {
  return db_.run("UPDATE tasks SET heartbeat_at = :1 WHERE id = :2 AND director = :3",
                 {rows::value(now), id, director})
             .changed == 1;
}

bool Tasks::request_cancel(TaskId id, Timestamp now) {
  return db_.run("UPDATE tasks SET finished_at = CASE WHEN state = 'queued' THEN :1 ELSE finished_at END, "
                 "state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE 'cancelling' END "
                 "WHERE id = :2 AND state IN ('queued', 'processing')",
                 {rows::value(now), id})
             .changed == 1;
}

bool Tasks::move(TaskId id, TaskState to, const std::string& result, Timestamp now) {
  const auto finished = is_final(to) ? rows::value(now) : sql::Value(nullptr);
  return db_.run("UPDATE tasks SET state = :1, result = :2, finished_at = :3 WHERE id = :4 AND state IN (" +
                     quoted_states_that_may_become(to) + ")",
                 {to_string(to), result, finished, id})
             .changed == 1;
}

bool Tasks::finish(const TaskRecord& claimed, const std::string& director, TaskState to, const std::string& result,
                   Timestamp now) {
  return db_.run("UPDATE tasks SET state = :1, result = :2, finished_at = :3 WHERE id = :4 AND director = :5 AND "
                 "fence = :6 AND state IN (" +
                     quoted_states_that_may_become(to) + ")",
                 {to_string(to), result, rows::value(now), claimed.id, director, claimed.fence})
             .changed == 1;
}

void Tasks::let_go(const std::string& director) {
  db_.run("UPDATE tasks SET director = '' WHERE director = :1 AND state IN ('processing', 'cancelling')", {director});
}

std::size_t Tasks::remove_old(std::size_t keep_per_type, std::optional<Timestamp> older_than) {
  const auto finished = "state IN " + std::string(rows::final_task_states);
  std::vector<sql::Value> values = {static_cast<std::int64_t>(keep_per_type)};
  std::string age;
  if (older_than) {
    values.push_back(rows::value(*older_than));
    age = " OR finished_at < :2";
  }
  const auto ids = rows::all(
      db_.run("SELECT id FROM (SELECT id, finished_at, ROW_NUMBER() OVER (PARTITION BY type ORDER BY id DESC) AS place "
              "FROM tasks WHERE " +
                  finished + ") AS ranked WHERE place > :1" + age + " ORDER BY id LIMIT 10000",
              values),
      [](const sql::Row& row) { return row.integer("id"); });
  for (const auto id : ids) {
    // The outputs first: a row that stays without them is found again, files without a row are not.
    std::error_code ignored;
    std::filesystem::remove_all(std::filesystem::path(output_path(id, "event")).parent_path(), ignored);
    db_.transaction([&](sql::Session& session) {
      session.run("DELETE FROM steps WHERE task_id = :1", {id});
      session.run("DELETE FROM tasks WHERE id = :1 AND " + finished, {id});
    });
  }
  return ids.size();
}

std::string Tasks::output_path(TaskId id, const std::string& kind) const {
  return output_folder_ + "/" + std::to_string(id) + "/" + kind;
}

}  // namespace slipway::director
