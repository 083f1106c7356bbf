#include "pks-api/store/store.hpp"

namespace slipway::pks {

namespace {

std::vector<std::string> list_in(const sql::Row& row, const char* column) {
  return parse_json(row.text(column), column).get<std::vector<std::string>>();
}

UserRecord read_user(const sql::Row& row) {
  return {row.text("name"), row.text("password_hash"), list_in(row, "scopes"), row.integer("epoch"),
          list_in(row, "member_of")};
}

}  // namespace

void IdentityStore::put_user(const std::string& kind, const UserRecord& user) {
  const auto epoch = db_.insert("INSERT INTO epochs (name) VALUES (:1)", {kind + ":" + user.name});
  db_.transaction([&](sql::Session& session) {
    session.run("DELETE FROM identities WHERE kind = :1 AND name = :2", {kind, user.name});
    session.run(
        "INSERT INTO identities (kind, name, password_hash, scopes, epoch, member_of) VALUES (:1, :2, :3, "
        ":4, :5, :6)",
        {kind, user.name, user.password_hash, dump(Json(user.scopes)), epoch, dump(Json(user.groups))});
  });
}

bool IdentityStore::remove_user(const std::string& kind, const std::string& name) {
  return db_.run("DELETE FROM identities WHERE kind = :1 AND name = :2", {kind, name}).changed == 1;
}

std::optional<UserRecord> IdentityStore::find_user(const std::string& kind, const std::string& name) {
  const auto result = db_.run(
      "SELECT name, password_hash, scopes, epoch, member_of FROM identities WHERE kind = :1 AND name = :2",
      {kind, name});
  if (result.rows.empty()) return std::nullopt;
  return read_user(result.rows.front());
}

std::vector<UserRecord> IdentityStore::users(const std::string& kind) {
  std::vector<UserRecord> users;
  const auto result = db_.run(
      "SELECT name, password_hash, scopes, epoch, member_of FROM identities WHERE kind = :1 ORDER BY name",
      {kind});
  for (const auto& row : result.rows) users.push_back(read_user(row));
  return users;
}

void IdentityStore::add_refresh(const std::string& hash, const RefreshRecord& record, Timestamp now) {
  db_.run("DELETE FROM refresh_tokens WHERE expires_at < :1", {to_epoch_seconds(now)});
  db_.run(
      "INSERT INTO refresh_tokens (hash, subject, client, scopes, epoch, expires_at) VALUES (:1, :2, :3, :4, "
      ":5, :6)",
      {hash, record.subject, record.client, dump(Json(record.scopes)), record.epoch,
       to_epoch_seconds(record.expires_at)});
}

std::optional<RefreshRecord> IdentityStore::find_refresh(const std::string& hash) {
  const auto result = db_.run(
      "SELECT subject, client, scopes, epoch, expires_at FROM refresh_tokens WHERE hash = :1", {hash});
  if (result.rows.empty()) return std::nullopt;
  const auto& row = result.rows.front();
  return RefreshRecord{row.text("subject"), row.text("client"), list_in(row, "scopes"), row.integer("epoch"),
                       from_epoch_seconds(row.integer("expires_at"))};
}

void IdentityStore::remove_refresh(const std::string& hash) {
  db_.run("DELETE FROM refresh_tokens WHERE hash = :1", {hash});
}

}  // namespace slipway::pks
