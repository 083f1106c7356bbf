#include "pks-api/store/store.hpp"

namespace slipway::pks {

namespace {

constexpr const char* update_member =
    "UPDATE fleet_members SET operation = :1, resumes = :2, state = :3, description = :4, started_at = :5, "
    "ended_at = :6 WHERE task = :7 AND cluster = :8";

FleetMember read_member(const sql::Row& row) {
  FleetMember m;
  m.cluster = row.text("cluster");
  m.name = row.text("name");
  m.is_canary = row.boolean("is_canary");
  m.operation = row.text("operation");
  m.resumes = row.text("resumes");
  m.state = row.text("state");
  m.description = row.text("description");
  m.started_at = row.integer("started_at");
  m.ended_at = row.integer("ended_at");
  return m;
}

}  // namespace

void FleetStore::insert(const FleetTask& task) {
  db_.transaction([&](sql::Session& session) {
    session.run(
        "INSERT INTO fleet_tasks (uuid, owner, status, max_in_flight, started_at, ended_at) "
        "VALUES (:1, :2, :3, :4, :5, 0)",
        {task.uuid, task.owner, task.status, std::int64_t{task.max_in_flight}, task.started_at});
    std::int64_t position = 0;
    for (const auto& m : task.members) {
      session.run(
          "INSERT INTO fleet_members (task, position, cluster, name, is_canary, operation, state, "
          "description, "
          "started_at, ended_at) VALUES (:1, :2, :3, :4, :5, :6, :7, '', 0, 0)",
          {task.uuid, position++, m.cluster, m.name, std::int64_t{m.is_canary}, m.operation, m.state});
    }
  });
}

std::vector<FleetTask> FleetStore::read(const sql::Result& rows) {
  std::vector<FleetTask> tasks;
  for (const auto& row : rows.rows) {
    FleetTask task;
    task.uuid = row.text("uuid");
    task.owner = row.text("owner");
    task.status = row.text("status");
    task.wish = row.text("wish");
    task.max_in_flight = static_cast<int>(row.integer("max_in_flight"));
    task.started_at = row.integer("started_at");
    task.ended_at = row.integer("ended_at");
    const auto members = db_.run(
        "SELECT cluster, name, is_canary, operation, resumes, state, description, started_at, ended_at FROM "
        "fleet_members "
        "WHERE task = :1 ORDER BY position",
        {task.uuid});
    for (const auto& member : members.rows) task.members.push_back(read_member(member));
    tasks.push_back(std::move(task));
  }
  return tasks;
}

std::optional<FleetTask> FleetStore::find(const std::string& uuid) {
  auto tasks = read(db_.run(
      "SELECT uuid, owner, status, wish, max_in_flight, started_at, ended_at FROM fleet_tasks WHERE uuid = :1",
      {uuid}));
  if (tasks.empty()) return std::nullopt;
  return std::move(tasks.front());
}

std::vector<FleetTask> FleetStore::recent(std::size_t limit) {
  return read(
      db_.run("SELECT uuid, owner, status, wish, max_in_flight, started_at, ended_at FROM fleet_tasks "
              "ORDER BY started_at DESC, uuid LIMIT :1",
              {static_cast<std::int64_t>(limit)}));
}

std::vector<FleetTask> FleetStore::unfinished() {
  return read(
      db_.run("SELECT uuid, owner, status, wish, max_in_flight, started_at, ended_at FROM fleet_tasks "
              "WHERE ended_at = 0 ORDER BY started_at, uuid"));
}

bool FleetStore::set_status(const std::string& uuid, const std::string& from, const std::string& to) {
  return db_.run("UPDATE fleet_tasks SET status = :1 WHERE uuid = :2 AND status = :3", {to, uuid, from})
             .changed == 1;
}

bool FleetStore::set_wish(const std::string& uuid, const std::string& from, const std::string& to) {
  return db_.run(
                "UPDATE fleet_tasks SET wish = :1 WHERE uuid = :2 AND wish = :3 AND status = 'in progress' "
                "AND ended_at = 0",
                {to, uuid, from})
             .changed == 1;
}

bool FleetStore::abort(const std::string& uuid) {
  return db_.run(
                "UPDATE fleet_tasks SET wish = 'abort', status = 'canceled' WHERE uuid = :1 AND ended_at = 0",
                {uuid})
             .changed == 1;
}

bool FleetStore::reopen(const FleetTask& task) {
  bool reopened = false;
  db_.transaction([&](sql::Session& session) {
    reopened = session.run(
                   "UPDATE fleet_tasks SET status = 'in progress', wish = '', ended_at = 0 "
                   "WHERE uuid = :1 AND ended_at <> 0",
                   {task.uuid})
                   .changed == 1;
    if (!reopened) return;
    for (const auto& m : task.members) {
      session.run(update_member,
                  {m.operation, m.resumes, m.state, m.description, m.started_at, m.ended_at, task.uuid, m.cluster});
    }
  });
  return reopened;
}

void FleetStore::end(const std::string& uuid, std::int64_t now) {
  db_.run(
      "UPDATE fleet_tasks SET ended_at = :1, status = CASE WHEN status = 'canceled' THEN status ELSE 'done' "
      "END "
      "WHERE uuid = :2 AND ended_at = 0",
      {now, uuid});
}

void FleetStore::put(const std::string& task, const FleetMember& m) {
  db_.run(update_member, {m.operation, m.resumes, m.state, m.description, m.started_at, m.ended_at, task, m.cluster});
}

}  // namespace slipway::pks
