#include "director/store/rows.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns =
    "SELECT id, name, version, operating_system, api_version, cpi, cid, sha1 FROM stemcells ";

StemcellRecord read(const sql::Row& row) {
  StemcellRecord stemcell;
  stemcell.id = row.integer("id");
  stemcell.name = row.text("name");
  stemcell.version = row.text("version");
  stemcell.operating_system = row.text("operating_system");
  stemcell.api_version = static_cast<int>(row.integer("api_version"));
  stemcell.cpi = row.text("cpi");
  stemcell.cid = StemcellCid{row.text("cid")};
  stemcell.sha1 = row.text("sha1");
  return stemcell;
}

std::vector<std::string> users(const sql::Result& result) {
  return rows::all(result, [](const sql::Row& row) { return row.text("name"); });
}

constexpr std::string_view select_users =
    "SELECT d.name FROM deployment_stemcells u JOIN deployments d ON d.id = u.deployment_id "
    "WHERE u.stemcell_id = :1 ORDER BY d.name";

}  // namespace

std::int64_t Stemcells::insert(const StemcellRecord& stemcell, Timestamp now) {
  return db_.insert(
      "INSERT INTO stemcells (name, version, operating_system, api_version, cpi, cid, sha1, created_at) "
      "VALUES (:1, :2, :3, :4, :5, :6, :7, :8)",
      {stemcell.name, stemcell.version, stemcell.operating_system, std::int64_t{stemcell.api_version}, stemcell.cpi,
       stemcell.cid.value, stemcell.sha1, rows::value(now)});
}

void Stemcells::replace(const StemcellRecord& stemcell) {
  rows::expect_one(db_.run("UPDATE stemcells SET operating_system = :1, api_version = :2, cid = :3, sha1 = :4 "
                           "WHERE name = :5 AND version = :6 AND cpi = :7",
                           {stemcell.operating_system, std::int64_t{stemcell.api_version}, stemcell.cid.value,
                            stemcell.sha1, stemcell.name, stemcell.version, stemcell.cpi}),
                   "stemcell '" + stemcell.name + "/" + stemcell.version + "'");
}

std::optional<StemcellRecord> Stemcells::find(const std::string& name, const std::string& version,
                                              const std::string& cpi) {
  return rows::first(
      db_.run(std::string(columns) + "WHERE name = :1 AND version = :2 AND cpi = :3", {name, version, cpi}), read);
}

std::vector<StemcellRecord> Stemcells::all() {
  return rows::all(db_.run(std::string(columns) + "ORDER BY name, id"), read);
}

std::vector<std::string> Stemcells::deployments_using(std::int64_t stemcell_id) {
  return users(db_.run(select_users, {stemcell_id}));
}

void Stemcells::remove(std::int64_t id) {
  db_.transaction([&](sql::Session& session) {
    std::string list;
    for (const auto& name : users(session.run(select_users, {id}))) list += (list.empty() ? "" : ", ") + name;
    if (!list.empty()) throw Error(Fault::conflict, "stemcell is still in use by: " + list, 50004);
    session.run("DELETE FROM stemcells WHERE id = :1", {id});
  });
}

void Stemcells::record_upload(const std::string& name, const std::string& version, const std::string& cpi) {
  db_.run("INSERT INTO stemcell_uploads (name, version, cpi) VALUES (:1, :2, :3) ON CONFLICT (name, version, cpi) "
          "DO NOTHING",
          {name, version, cpi});
}

std::vector<std::string> Stemcells::uploaded_to(const std::string& name, const std::string& version) {
  return rows::all(db_.run("SELECT cpi FROM stemcell_uploads WHERE name = :1 AND version = :2 ORDER BY cpi",
                           {name, version}),
                   [](const sql::Row& row) { return row.text("cpi"); });
}

void Stemcells::forget_uploads(const std::string& name, const std::string& version) {
  db_.run("DELETE FROM stemcell_uploads WHERE name = :1 AND version = :2", {name, version});
}

}  // namespace slipway::director
