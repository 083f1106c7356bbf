#include "pks-api/store/store.hpp"

namespace slipway::pks {

namespace {

constexpr const char* profile_columns =
    "SELECT kind, name, uuid, owner, description, document, created_at FROM profiles ";

std::optional<double> limit_in(const Json& limits, const char* key) {
  const auto value = limits.find(key);
  return value == limits.end() || value->is_null() ? std::nullopt : std::optional(value->get<double>());
}

QuotaRecord read_quota(const sql::Row& row) {
  const auto limits = parse_json(row.text("limits"), "quotas.limits");
  return {row.text("owner"), limit_in(limits, "cpu"), limit_in(limits, "memory"),
          limit_in(limits, "cluster")};
}

ProfileRecord read_profile(const sql::Row& row) {
  return {row.text("kind"),         row.text("name"),
          row.text("uuid"),         row.text("owner"),
          row.text("description"),  parse_json(row.text("document"), "profiles.document"),
          row.integer("created_at")};
}

}  // namespace

void QuotaStore::put(const QuotaRecord& quota) {
  Json limits = Json::object();
  const auto keep = [&](const char* key, const std::optional<double>& value) {
    if (value) limits[key] = *value;
  };
  keep("cpu", quota.cpu);
  keep("memory", quota.memory_gb);
  keep("cluster", quota.clusters);
  db_.transaction([&](sql::Session& session) {
    session.run("DELETE FROM quotas WHERE owner = :1", {quota.owner});
    session.run("INSERT INTO quotas (owner, limits) VALUES (:1, :2)", {quota.owner, dump(limits)});
  });
}

void QuotaStore::remove(const std::string& owner) { db_.run("DELETE FROM quotas WHERE owner = :1", {owner}); }

std::optional<QuotaRecord> QuotaStore::find(const std::string& owner) {
  const auto result = db_.run("SELECT owner, limits FROM quotas WHERE owner = :1", {owner});
  if (result.rows.empty()) return std::nullopt;
  return read_quota(result.rows.front());
}

std::vector<QuotaRecord> QuotaStore::all() {
  std::vector<QuotaRecord> quotas;
  for (const auto& row : db_.run("SELECT owner, limits FROM quotas ORDER BY owner").rows)
    quotas.push_back(read_quota(row));
  return quotas;
}

void ProfileStore::insert(const ProfileRecord& p) {
  db_.run(
      "INSERT INTO profiles (kind, name, uuid, owner, description, document, created_at) "
      "VALUES (:1, :2, :3, :4, :5, :6, :7)",
      {p.kind, p.name, p.uuid, p.owner, p.description, dump(p.document), p.created_at});
}

void ProfileStore::remove(const std::string& kind, const std::string& name) {
  db_.run("DELETE FROM profiles WHERE kind = :1 AND name = :2", {kind, name});
}

std::optional<ProfileRecord> ProfileStore::find(const std::string& kind, const std::string& name) {
  const auto result = db_.run(std::string(profile_columns) + "WHERE kind = :1 AND name = :2", {kind, name});
  if (result.rows.empty()) return std::nullopt;
  return read_profile(result.rows.front());
}

std::vector<ProfileRecord> ProfileStore::all(const std::string& kind) {
  std::vector<ProfileRecord> profiles;
  const auto result = db_.run(std::string(profile_columns) + "WHERE kind = :1 ORDER BY name", {kind});
  for (const auto& row : result.rows) profiles.push_back(read_profile(row));
  return profiles;
}

}  // namespace slipway::pks
