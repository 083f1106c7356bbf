#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/sql/database.hpp"

// How the director's values lie in columns: times as milliseconds since 1970, flags as
// 0 and 1, structures as JSON text.
namespace slipway::director::rows {

// The states of tasks that are over, as a list of SQL: is_final() of director/tasks/task.hpp.
inline constexpr std::string_view final_task_states = "('done', 'error', 'cancelled', 'timeout')";

inline sql::Value value(Timestamp time) { return std::int64_t{time.time_since_epoch().count()}; }
inline sql::Value value(const std::optional<Timestamp>& time) {
  if (!time) return nullptr;
  return value(*time);
}
inline sql::Value value(bool flag) { return std::int64_t{flag ? 1 : 0}; }
inline sql::Value value(const Json& json) { return dump(json); }
inline sql::Value text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return text;
}

inline Timestamp time(const sql::Row& row, std::string_view column) {
  return Timestamp{std::chrono::milliseconds{row.integer(column)}};
}
inline std::optional<Timestamp> maybe_time(const sql::Row& row, std::string_view column) {
  const auto milliseconds = row.maybe_integer(column);
  if (!milliseconds) return std::nullopt;
  return Timestamp{std::chrono::milliseconds{*milliseconds}};
}
inline Json json(const sql::Row& row, std::string_view column) {
  return parse_json(row.text(column), "column " + std::string(column));
}

template <class Read>
auto all(const sql::Result& result, Read read) {
  std::vector<decltype(read(result.rows.front()))> values;
  values.reserve(result.rows.size());
  for (const auto& row : result.rows) values.push_back(read(row));
  return values;
}

template <class Read>
auto first(const sql::Result& result, Read read) -> std::optional<decltype(read(result.rows.front()))> {
  if (result.rows.empty()) return std::nullopt;
  return read(result.rows.front());
}

// For an update or a delete that must hit its row.
inline void expect_one(const sql::Result& result, const std::string& what) {
  if (result.changed != 1) throw Error(Fault::not_found, what + " does not exist");
}

inline bool exists(sql::Session& session, std::string_view sql, const std::vector<sql::Value>& values) {
  return !session.run(sql, values).rows.empty();
}

}  // namespace slipway::director::rows
