#include "director/store/rows.hpp"
#include "director/store/sealed.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns = "SELECT v.id, v.name, v.sealed FROM variable_values v ";

std::optional<sql::Row> select_latest(sql::Session& session, const std::string& name) {
  auto result = session.run(std::string(columns) + "WHERE v.name = :1 ORDER BY v.id DESC LIMIT 1", {name});
  if (result.rows.empty()) return std::nullopt;
  return result.rows.front();
}

VariableRecord read(const Secret& key, const sql::Row& row) {
  const auto name = row.text("name");
  return {row.integer("id"), name, sealed::open(key, name, row.text("sealed"), "variable '" + name + "'")};
}

VariableRecord store(sql::Session& session, const std::string& name, const std::string& text, const Json& value,
                     Timestamp now) {
  const auto id = session.insert("INSERT INTO variable_values (name, sealed, created_at) VALUES (:1, :2, :3)",
                                 {name, text, rows::value(now)});
  return {id, name, value};
}

}  // namespace

std::optional<VariableRecord> VariableValues::latest(const std::string& name) {
  const auto result = db_.run(std::string(columns) + "WHERE v.name = :1 ORDER BY v.id DESC LIMIT 1", {name});
  return rows::first(result, [&](const sql::Row& row) { return read(key_, row); });
}

std::optional<VariableRecord> VariableValues::find(std::int64_t id) {
  return rows::first(db_.run(std::string(columns) + "WHERE v.id = :1", {id}),
                     [&](const sql::Row& row) { return read(key_, row); });
}

VariableRecord VariableValues::put(const std::string& name, const Json& value, Timestamp now) {
  const auto text = sealed::close(key_, name, value);
  VariableRecord stored;
  db_.transaction([&](sql::Session& session) { stored = store(session, name, text, value, now); });
  return stored;
}

VariableRecord VariableValues::put_if_absent(const std::string& name, const Json& value, Timestamp now) {
  const auto text = sealed::close(key_, name, value);
  VariableRecord stored;
  db_.transaction([&](sql::Session& session) {
    const auto before = select_latest(session, name);
    stored = before ? read(key_, *before) : store(session, name, text, value, now);
  });
  return stored;
}

void VariableValues::remove_all(const std::string& prefix) {
  db_.run("DELETE FROM variable_values WHERE SUBSTR(name, 1, :1) = :2",
          {static_cast<std::int64_t>(prefix.size()), prefix});
}

void VariableValues::pin(const std::string& deployment, const std::vector<std::int64_t>& ids) {
  db_.transaction([&](sql::Session& session) {
    session.run("DELETE FROM variable_pins WHERE deployment = :1", {deployment});
    for (const auto id : ids)
      session.run(
          "INSERT INTO variable_pins (deployment, variable_id) VALUES (:1, :2) "
          "ON CONFLICT (deployment, variable_id) DO NOTHING",
          {deployment, id});
  });
}

std::vector<VariableRecord> VariableValues::pinned(const std::string& deployment) {
  return rows::all(db_.run(std::string(columns) + "JOIN variable_pins p ON p.variable_id = v.id "
                                                  "WHERE p.deployment = :1 ORDER BY v.name",
                           {deployment}),
                   [&](const sql::Row& row) { return read(key_, row); });
}

std::vector<VariableName> VariableValues::pinned_names(const std::string& deployment) {
  return rows::all(db_.run("SELECT v.id, v.name FROM variable_values v JOIN variable_pins p ON p.variable_id = v.id "
                           "WHERE p.deployment = :1 ORDER BY v.name",
                           {deployment}),
                   [](const sql::Row& row) { return VariableName{row.integer("id"), row.text("name")}; });
}

}  // namespace slipway::director
