#include <map>

#include "director/store/rows.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns = "SELECT id, type, name, content, created_at, team FROM configs ";

ConfigRecord read(const sql::Row& row) {
  ConfigRecord config;
  config.id = row.integer("id");
  config.type = row.text("type");
  config.name = row.text("name");
  config.content = row.text("content");
  config.created_at = rows::time(row, "created_at");
  config.team = row.text("team");
  return config;
}

std::optional<ConfigRecord> latest(sql::Session& session, const std::string& type, const std::string& name) {
  return rows::first(session.run(std::string(columns) +
                                     "WHERE type = :1 AND name = :2 AND deleted = 0 ORDER BY id DESC LIMIT 1",
                                 {type, name}),
                     read);
}

}  // namespace

ConfigRecord Configs::put(const std::string& type, const std::string& name, const std::string& content,
                          std::optional<std::int64_t> expected_latest_id, Timestamp now) {
  ConfigRecord stored;
  db_.transaction([&](sql::Session& session) {
    const auto before = latest(session, type, name);
    if (const auto actual = before ? before->id : 0; expected_latest_id && *expected_latest_id != actual)
      throw Error(Fault::conflict, "the latest id of config '" + type + "/" + name + "' is " +
                                       std::to_string(actual) + ", not " + std::to_string(*expected_latest_id));
    if (before && before->content == content) {
      stored = *before;
      return;
    }
    const auto id = session.insert(
        "INSERT INTO configs (type, name, content, team, created_at) VALUES (:1, :2, :3, '', :4)",
        {type, name, content, rows::value(now)});
    stored = {id, type, name, content, now, "", true};
  });
  return stored;
}

std::optional<ConfigRecord> Configs::find(std::int64_t id) {
  std::optional<ConfigRecord> found;
  db_.transaction([&](sql::Session& session) {
    found = rows::first(session.run(std::string(columns) + "WHERE id = :1 AND deleted = 0", {id}), read);
    if (!found) return;
    const auto newest = latest(session, found->type, found->name);
    found->current = newest && newest->id == found->id;
  });
  return found;
}

std::optional<ConfigRecord> Configs::version(std::int64_t id) {
  return rows::first(db_.run(std::string(columns) + "WHERE id = :1", {id}), read);
}

std::vector<ConfigRecord> Configs::list(const std::string& type, const std::string& name, int limit) {
  std::string where = "WHERE deleted = 0";
  std::vector<sql::Value> values;
  if (!type.empty()) {
    values.emplace_back(type);
    where += " AND type = :" + std::to_string(values.size());
  }
  if (!name.empty()) {
    values.emplace_back(name);
    where += " AND name = :" + std::to_string(values.size());
  }
  // Ranked before the contents are read: a long history costs ids only.
  values.emplace_back(std::int64_t{limit});
  const auto result =
      db_.run(std::string(columns) + "WHERE id IN (SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY type, "
                                     "name ORDER BY id DESC) AS place FROM configs " +
                  where + ") AS ranked WHERE place <= :" + std::to_string(values.size()) +
                  ") ORDER BY type, name, id DESC",
              values);
  auto configs = rows::all(result, read);
  for (std::size_t i = 0; i < configs.size(); ++i)
    configs[i].current = i == 0 || configs[i].type != configs[i - 1].type || configs[i].name != configs[i - 1].name;
  return configs;
}

bool Configs::remove(const std::string& type, const std::string& name) {
  return db_.run("UPDATE configs SET deleted = 1 WHERE type = :1 AND name = :2 AND deleted = 0", {type, name})
             .changed > 0;
}

bool Configs::remove(std::int64_t id) {
  return db_.run("UPDATE configs SET deleted = 1 WHERE id = :1 AND deleted = 0", {id}).changed > 0;
}

}  // namespace slipway::director
