#include "pks-api/store/store.hpp"

namespace slipway::pks {

namespace {

constexpr const char* cluster_columns =
    "SELECT uuid, name, owner, plan, hostname, nodes, parameters, last_action, state, description, operation, "
    "superseded, task, ips, started_at, plan_document FROM clusters ";

ClusterRecord read_cluster(const sql::Row& row) {
  ClusterRecord c;
  c.uuid = row.text("uuid");
  c.name = row.text("name");
  c.owner = row.text("owner");
  c.plan = row.text("plan");
  c.hostname = row.text("hostname");
  c.nodes = static_cast<int>(row.integer("nodes"));
  c.parameters = parse_json(row.text("parameters"), "clusters.parameters");
  c.last_action = row.text("last_action");
  c.state = row.text("state");
  c.description = row.text("description");
  c.operation = row.text("operation");
  c.superseded = row.text("superseded");
  c.task = row.integer("task");
  c.ips = parse_json(row.text("ips"), "clusters.ips").get<std::vector<std::string>>();
  c.started_at = from_epoch_seconds(row.integer("started_at"));
  c.plan_document = row.text("plan_document");
  return c;
}

std::optional<ClusterRecord> first_cluster(const sql::Result& result) {
  if (result.rows.empty()) return std::nullopt;
  return read_cluster(result.rows.front());
}

}  // namespace

void ClusterStore::insert(const ClusterRecord& c) {
  db_.run(
      "INSERT INTO clusters (uuid, name, owner, plan, hostname, nodes, parameters, last_action, state, description, "
      "operation, superseded, task, ips, started_at, plan_document) "
      "VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10, :11, :12, :13, :14, :15, :16)",
      {c.uuid, c.name, c.owner, c.plan, c.hostname, std::int64_t{c.nodes}, dump(c.parameters), c.last_action, c.state,
       c.description, c.operation, c.superseded, c.task, dump(Json(c.ips)), to_epoch_seconds(c.started_at), c.plan_document});
}

std::optional<ClusterRecord> ClusterStore::find(const std::string& name) {
  return first_cluster(db_.run(std::string(cluster_columns) + "WHERE name = :1", {name}));
}

std::optional<ClusterRecord> ClusterStore::find_by_uuid(const std::string& uuid) {
  return first_cluster(db_.run(std::string(cluster_columns) + "WHERE uuid = :1", {uuid}));
}

std::optional<ClusterRecord> ClusterStore::find_by_hostname(const std::string& hostname) {
  return first_cluster(db_.run(std::string(cluster_columns) + "WHERE hostname = :1", {hostname}));
}

std::vector<ClusterRecord> ClusterStore::all() {
  std::vector<ClusterRecord> clusters;
  for (const auto& row : db_.run(std::string(cluster_columns) + "ORDER BY name").rows) {
    clusters.push_back(read_cluster(row));
  }
  return clusters;
}

bool ClusterStore::begin(const ClusterRecord& c, const std::string& previous) {
  return db_.run(
                "UPDATE clusters SET plan = :1, hostname = :2, nodes = :3, parameters = :4, last_action = :5, "
                "state = :6, description = :7, operation = :8, superseded = :9, task = 0, started_at = :10, plan_document = :11 "
                "WHERE uuid = :12 AND operation = :13",
                {c.plan, c.hostname, std::int64_t{c.nodes}, dump(c.parameters), c.last_action, c.state, c.description,
                 c.operation, c.superseded, to_epoch_seconds(c.started_at), c.plan_document, c.uuid,
                 previous})
             .changed == 1;
}

bool ClusterStore::set_task(const ClusterRecord& c, std::int64_t task) {
  return db_.run("UPDATE clusters SET task = :1 WHERE uuid = :2 AND operation = :3 AND state = 'in progress'",
                 {task, c.uuid, c.operation})
             .changed == 1;
}

bool ClusterStore::describe(const ClusterRecord& c, const std::string& description) {
  return db_.run("UPDATE clusters SET description = :1 WHERE uuid = :2 AND operation = :3 AND state = 'in progress'",
                 {description, c.uuid, c.operation})
             .changed == 1;
}

bool ClusterStore::finish(const ClusterRecord& c, const std::string& state, const std::string& description,
                          const std::vector<std::string>& ips) {
  return db_.run(
                "UPDATE clusters SET state = :1, description = :2, ips = :3 "
                "WHERE uuid = :4 AND operation = :5 AND state = 'in progress'",
                {state, description, dump(Json(ips)), c.uuid, c.operation})
             .changed == 1;
}

bool ClusterStore::remove(const ClusterRecord& c) {
  return db_.run("DELETE FROM clusters WHERE uuid = :1 AND operation = :2", {c.uuid, c.operation}).changed == 1;
}

}  // namespace slipway::pks
