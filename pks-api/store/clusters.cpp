#include "pks-api/store/store.hpp"

namespace slipway::pks {

namespace {

constexpr const char* cluster_columns =
    "SELECT uuid, name, owner, plan, hostname, nodes, parameters, last_action, state, description, "
    "operation, "
    "superseded, task, ips, started_at, plan_document, "
    "versions, profiles, failure, last_good, stop_wanted, rotation, issuers FROM clusters ";

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
  c.versions = parse_json(row.text("versions"), "clusters.versions");
  c.profiles = parse_json(row.text("profiles"), "clusters.profiles");
  c.failure = parse_json(row.text("failure"), "clusters.failure");
  c.last_good = parse_json(row.text("last_good"), "clusters.last_good");
  c.stop_wanted = row.boolean("stop_wanted");
  c.rotation = row.text("rotation");
  c.issuers = row.text("issuers");
  return c;
}

std::optional<ClusterRecord> first_cluster(const sql::Result& result) {
  if (result.rows.empty()) return std::nullopt;
  return read_cluster(result.rows.front());
}

}  // namespace

Json good_state(const ClusterRecord& c) {
  return {{"plan", c.plan},   {"plan_document", c.plan_document}, {"versions", c.versions},
          {"nodes", c.nodes}, {"parameters", c.parameters},       {"profiles", c.profiles}};
}

void restore(ClusterRecord& c, const Json& good) {
  c.plan = good.at("plan").get<std::string>();
  c.plan_document = good.at("plan_document").get<std::string>();
  c.versions = good.at("versions");
  c.nodes = good.at("nodes").get<int>();
  c.parameters = good.at("parameters");
  c.profiles = good.at("profiles");
}

void ClusterStore::insert(const ClusterRecord& c) {
  db_.run(
      "INSERT INTO clusters (uuid, name, owner, plan, hostname, nodes, parameters, last_action, state, "
      "description, "
      "operation, superseded, task, ips, started_at, plan_document, versions, profiles, issuers) "
      "VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10, :11, :12, :13, :14, :15, :16, :17, :18, :19)",
      {c.uuid, c.name, c.owner, c.plan, c.hostname, std::int64_t{c.nodes}, dump(c.parameters), c.last_action,
       c.state, c.description, c.operation, c.superseded, c.task, dump(Json(c.ips)),
       to_epoch_seconds(c.started_at), c.plan_document, dump(c.versions), dump(c.profiles), c.issuers});
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
                "UPDATE clusters SET plan = :1, hostname = :2, nodes = :3, parameters = :4, last_action = "
                ":5, "
                "state = :6, description = :7, operation = :8, superseded = :9, task = 0, started_at = :10, "
                "plan_document = :11, versions = :12, profiles = :13, failure = 'null', stop_wanted = 0, "
                "rotation = :14, issuers = :15 "
                "WHERE uuid = :16 AND operation = :17",
                {c.plan, c.hostname, std::int64_t{c.nodes}, dump(c.parameters), c.last_action, c.state,
                 c.description, c.operation, c.superseded, to_epoch_seconds(c.started_at), c.plan_document,
                 dump(c.versions), dump(c.profiles), c.rotation, c.issuers, c.uuid, previous})
             .changed == 1;
}

bool ClusterStore::set_task(const ClusterRecord& c, std::int64_t task) {
  return db_.run("UPDATE clusters SET task = :1 WHERE uuid = :2 AND operation = :3 AND state = 'in progress'",
                 {task, c.uuid, c.operation})
             .changed == 1;
}

bool ClusterStore::describe(const ClusterRecord& c, const std::string& description) {
  return db_.run(
                "UPDATE clusters SET description = :1 WHERE uuid = :2 AND operation = :3 AND state = 'in "
                "progress'",
                {description, c.uuid, c.operation})
             .changed == 1;
}

bool ClusterStore::want_stop(const std::string& uuid, const std::string& operation) {
  return db_.run(
                "UPDATE clusters SET stop_wanted = 1 WHERE uuid = :1 AND operation = :2 AND state = 'in "
                "progress'",
                {uuid, operation})
             .changed == 1;
}

bool ClusterStore::set_versions(const ClusterRecord& c, const Json& versions) {
  return db_.run(
                "UPDATE clusters SET versions = :1 WHERE uuid = :2 AND operation = :3 AND state = 'in "
                "progress'",
                {dump(versions), c.uuid, c.operation})
             .changed == 1;
}

bool ClusterStore::finish(const ClusterRecord& c, const std::string& state, const std::string& description) {
  return db_.run(
                "UPDATE clusters SET state = :1, description = :2, ips = :3, failure = :4, last_good = :5 "
                "WHERE uuid = :6 AND operation = :7 AND state = 'in progress'",
                {state, description, dump(Json(c.ips)), dump(c.failure), dump(c.last_good), c.uuid,
                 c.operation})
             .changed == 1;
}

bool ClusterStore::remove(const ClusterRecord& c) {
  return db_.run("DELETE FROM clusters WHERE uuid = :1 AND operation = :2", {c.uuid, c.operation}).changed ==
         1;
}

}  // namespace slipway::pks
