#include "director/store/rows.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns =
    "SELECT id, parent, happened_at, username, action, object_type, object_name, task, deployment, instance, error, "
    "context FROM events ";

EventRecord read(const sql::Row& row) {
  EventRecord event;
  event.id = row.integer("id");
  event.parent = row.maybe_integer("parent");
  event.time = rows::time(row, "happened_at");
  event.user = row.text("username");
  event.action = row.text("action");
  event.object_type = row.text("object_type");
  event.object_name = row.text("object_name");
  event.task = row.text("task");
  event.deployment = row.text("deployment");
  event.instance = row.text("instance");
  event.error = row.text("error");
  event.context = rows::json(row, "context");
  return event;
}

}  // namespace

std::int64_t Events::insert(const EventRecord& event) {
  return db_.insert(
      "INSERT INTO events (parent, happened_at, username, action, object_type, object_name, task, deployment, "
      "instance, error, context) VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10, :11)",
      {event.parent ? sql::Value(*event.parent) : sql::Value(nullptr), rows::value(event.time), event.user,
       event.action, event.object_type, event.object_name, event.task, event.deployment, event.instance, event.error,
       rows::value(event.context)});
}

std::optional<EventRecord> Events::find(std::int64_t id) {
  return rows::first(db_.run(std::string(columns) + "WHERE id = :1", {id}), read);
}

std::vector<EventRecord> Events::list(const EventFilter& filter) {
  std::string where;
  std::vector<sql::Value> values;
  const auto add = [&](const std::string& condition, sql::Value value) {
    values.push_back(std::move(value));
    where += (where.empty() ? "WHERE " : " AND ") + condition + " :" + std::to_string(values.size());
  };
  const auto add_text = [&](const std::string& column, const std::string& text) {
    if (!text.empty()) add(column + " =", text);
  };
  add_text("deployment", filter.deployment);
  add_text("task", filter.task);
  add_text("instance", filter.instance);
  add_text("username", filter.user);
  add_text("action", filter.action);
  add_text("object_type", filter.object_type);
  add_text("object_name", filter.object_name);
  if (filter.before_id) add("id <", *filter.before_id);
  if (filter.before) add("happened_at <", rows::value(*filter.before));
  if (filter.after) add("happened_at >", rows::value(*filter.after));
  values.emplace_back(std::int64_t{filter.limit});
  return rows::all(db_.run(std::string(columns) + where + " ORDER BY id DESC LIMIT :" + std::to_string(values.size()),
                           values),
                   read);
}

}  // namespace slipway::director
