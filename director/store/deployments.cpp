#include "director/store/rows.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns =
    "SELECT id, name, manifest, attempted_manifest, cloud_config_ids, runtime_config_ids, teams, revision, "
    "succeeded_at FROM deployments ";

DeploymentRecord read(const sql::Row& row) {
  DeploymentRecord deployment;
  deployment.id = row.integer("id");
  deployment.name = row.text("name");
  deployment.manifest = row.text("manifest");
  deployment.attempted_manifest = row.text("attempted_manifest");
  deployment.cloud_config_ids = rows::json(row, "cloud_config_ids").get<std::vector<std::int64_t>>();
  deployment.runtime_config_ids = rows::json(row, "runtime_config_ids").get<std::vector<std::int64_t>>();
  deployment.teams = rows::json(row, "teams").get<std::vector<std::string>>();
  deployment.revision = row.integer("revision");
  deployment.succeeded_at = rows::maybe_time(row, "succeeded_at");
  return deployment;
}

sql::Result select(sql::Session& session, const std::string& name) {
  return session.run(std::string(columns) + "WHERE name = :1", {name});
}

void add_uses_of(sql::Session& session, const std::string& table, const std::string& column, std::int64_t deployment,
                 const std::vector<std::int64_t>& ids) {
  for (const auto id : ids)
    session.run("INSERT INTO " + table + " (deployment_id, " + column +
                    ") VALUES (:1, :2) ON CONFLICT (deployment_id, " + column + ") DO NOTHING",
                {deployment, id});
}

void use(sql::Session& session, const std::string& table, const std::string& column, std::int64_t deployment,
         const std::vector<std::int64_t>& ids) {
  session.run("DELETE FROM " + table + " WHERE deployment_id = :1", {deployment});
  add_uses_of(session, table, column, deployment, ids);
}

}  // namespace

DeploymentRecord Deployments::find_or_create(const std::string& name, Timestamp now) {
  DeploymentRecord found;
  db_.transaction([&](sql::Session& session) {
    session.run(
        "INSERT INTO deployments (name, manifest, attempted_manifest, cloud_config_ids, runtime_config_ids, teams, "
        "created_at) VALUES (:1, '', '', '[]', '[]', '[]', :2) ON CONFLICT (name) DO NOTHING",
        {name, rows::value(now)});
    found = read(select(session, name).rows.at(0));
  });
  return found;
}

void Deployments::create_for_teams(const std::string& name, const std::vector<std::string>& teams, Timestamp now) {
  db_.run(
      "INSERT INTO deployments (name, manifest, attempted_manifest, cloud_config_ids, runtime_config_ids, teams, "
      "created_at) VALUES (:1, '', '', '[]', '[]', :2, :3) ON CONFLICT (name) DO NOTHING",
      {name, rows::value(Json(teams)), rows::value(now)});
}

std::optional<DeploymentRecord> Deployments::find(const std::string& name) {
  return rows::first(db_.run(std::string(columns) + "WHERE name = :1", {name}), read);
}

std::vector<DeploymentRecord> Deployments::all() {
  return rows::all(db_.run(std::string(columns) + "ORDER BY name"), read);
}

void Deployments::record_attempt(const std::string& name, const std::string& manifest, Timestamp now) {
  rows::expect_one(db_.run("UPDATE deployments SET attempted_manifest = :1, attempted_at = :2 WHERE name = :3",
                           {manifest, rows::value(now), name}),
                   "deployment '" + name + "'");
}

void Deployments::record_success(const DeploymentRecord& deployment, const std::vector<std::int64_t>& release_ids,
                                 const std::vector<std::int64_t>& stemcell_ids, Timestamp now) {
  db_.transaction([&](sql::Session& session) {
    rows::expect_one(
        session.run("UPDATE deployments SET manifest = :1, cloud_config_ids = :2, "
                    "runtime_config_ids = :3, teams = :4, succeeded_at = :5, revision = CASE WHEN manifest = :1 THEN "
                    "revision ELSE revision + 1 END WHERE name = :6",
                    {deployment.manifest, rows::value(Json(deployment.cloud_config_ids)),
                     rows::value(Json(deployment.runtime_config_ids)), rows::value(Json(deployment.teams)),
                     rows::value(now), deployment.name}),
        "deployment '" + deployment.name + "'");
    const auto id = select(session, deployment.name).rows.at(0).integer("id");
    use(session, "deployment_releases", "release_id", id, release_ids);
    use(session, "deployment_stemcells", "stemcell_id", id, stemcell_ids);
  });
}

void Deployments::add_uses(const std::string& name, const std::vector<std::int64_t>& release_ids,
                           const std::vector<std::int64_t>& stemcell_ids) {
  db_.transaction([&](sql::Session& session) {
    const auto found = select(session, name);
    if (found.rows.empty()) throw Error(Fault::not_found, "deployment '" + name + "' does not exist");
    const auto id = found.rows.front().integer("id");
    add_uses_of(session, "deployment_releases", "release_id", id, release_ids);
    add_uses_of(session, "deployment_stemcells", "stemcell_id", id, stemcell_ids);
  });
}

std::vector<std::int64_t> Deployments::release_ids(const std::string& name) {
  return rows::all(db_.run("SELECT u.release_id FROM deployment_releases u JOIN deployments d ON d.id = "
                           "u.deployment_id WHERE d.name = :1 ORDER BY u.release_id",
                           {name}),
                   [](const sql::Row& row) { return row.integer("release_id"); });
}

std::vector<std::int64_t> Deployments::stemcell_ids(const std::string& name) {
  return rows::all(db_.run("SELECT u.stemcell_id FROM deployment_stemcells u JOIN deployments d ON d.id = "
                           "u.deployment_id WHERE d.name = :1 ORDER BY u.stemcell_id",
                           {name}),
                   [](const sql::Row& row) { return row.integer("stemcell_id"); });
}

void Deployments::remove(const std::string& name) {
  db_.transaction([&](sql::Session& session) {
    const auto refuse_if = [&](const std::string& what, std::string_view query) {
      if (rows::exists(session, query, {name}))
        throw Error(Fault::conflict, "deployment '" + name + "' still has " + what);
    };
    refuse_if("instances", "SELECT id FROM instances WHERE deployment = :1 LIMIT 1");
    refuse_if("VMs", "SELECT id FROM vms WHERE deployment = :1 LIMIT 1");
    refuse_if("disks that are not orphaned",
              "SELECT id FROM disks WHERE deployment = :1 AND state <> 'orphaned' LIMIT 1");
    session.run("DELETE FROM variable_pins WHERE deployment = :1", {name});
    session.run("DELETE FROM dns_link_groups WHERE deployment = :1", {name});
    session.run("DELETE FROM deployments WHERE name = :1", {name});
  });
}

}  // namespace slipway::director
