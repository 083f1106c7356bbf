#include "director/api/routes.hpp"
#include "base/json_text.hpp"

namespace slipway::director::api {
namespace {

constexpr std::int64_t last_second = 253'402'300'799;  // of the year 9999

Json to_json(const EventRecord& event) {
  Json json = {{"id", std::to_string(event.id)},
               {"timestamp", to_epoch_seconds(event.time)},
               {"user", event.user},
               {"action", event.action},
               {"object_type", event.object_type},
               {"object_name", text_or_null(event.object_name)},
               {"error", text_or_null(event.error)},
               {"task", text_or_null(event.task)},
               {"deployment", text_or_null(event.deployment)},
               {"instance", text_or_null(event.instance)},
               {"context", event.context}};
  if (event.parent) json["parent_id"] = std::to_string(*event.parent);
  return json;
}

// Epoch seconds or RFC 3339.
std::optional<Timestamp> time_in(const Request& request, const std::string& name) {
  const auto given = text(request, name);
  if (given.empty()) return std::nullopt;
  if (given.find_first_not_of("0123456789") == std::string::npos && given.size() < 12)
    return from_epoch_seconds(std::stoll(given));
  return with_context("query '" + name + "'", [&] { return parse_rfc3339(given); });
}

Response list_events(ApiServices& services, const Request& request) {
  EventFilter filter;
  filter.deployment = text(request, "deployment");
  filter.task = text(request, "task");
  filter.instance = text(request, "instance");
  filter.user = text(request, "user");
  filter.action = text(request, "action");
  filter.object_type = text(request, "object_type");
  filter.object_name = text(request, "object_name");
  if (const auto before = integer(request, "before_id", 0, 0, INT64_MAX)) filter.before_id = before;
  filter.before = time_in(request, "before_time");
  filter.after = time_in(request, "after_time");
  Json events = Json::array();
  for (const auto& event : services.stores.events.list(filter)) events.push_back(to_json(event));
  return Response::json(200, events);
}

// What the health monitor and other programs have to tell.
Response record(ApiServices& services, const Request& request, const Caller& caller) {
  const auto body = request.json_body(1u << 20);
  Problems problems;
  JsonReader in(body, "event", problems);
  EventRecord event;
  event.time = services.clock.now();
  event.user = caller.user;
  event.action = in.string("action");
  event.object_type = in.string("object_type");
  event.object_name = in.string_or("object_name", "");
  event.deployment = in.string_or("deployment", "");
  event.instance = in.string_or("instance", "");
  event.error = in.string_or("error", "");
  event.context = in.object_or_empty("context");
  if (in.has("timestamp")) event.time = from_epoch_seconds(in.integer("timestamp", 0, last_second));
  problems.throw_if_any("event");
  services.stores.events.insert(event);
  return Response::empty(200);
}

Json lock_json(const LockRecord& lock) {
  // "lock:TYPE:part:part"
  Json resource = Json::array();
  std::string type;
  std::size_t at = std::string("lock:").size();
  for (bool first = true; at <= lock.name.size(); first = false) {
    const auto end = std::min(lock.name.find(':', at), lock.name.size());
    const auto part = lock.name.substr(at, end - at);
    if (first)
      type = part;
    else
      resource.push_back(part);
    at = end + 1;
  }
  const auto milliseconds = lock.expires_at.time_since_epoch().count();
  auto fraction = std::to_string(milliseconds % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');
  return {{"type", type},
          {"resource", resource},
          {"timeout", std::to_string(milliseconds / 1000) + "." + fraction},
          {"task_id", std::to_string(lock.task)}};
}

}  // namespace

void add_event_routes(Routes& routes, ApiServices& services) {
  routes.add("GET", "/events", Need::read_all,
             [&](Request& request, const Caller&) { return list_events(services, request); });
  routes.add("POST", "/events", Need::health_monitor,
             [&](Request& request, const Caller& caller) { return record(services, request, caller); });
  routes.add("GET", "/events/{id}", Need::read_all, [&](Request& request, const Caller&) {
    const auto event = services.stores.events.find(id_in_path(request, "id"));
    if (!event) throw Error(Fault::not_found, "Event id '" + request.path_param("id") + "' doesn't exist");
    return Response::json(200, to_json(*event));
  });
  routes.add("GET", "/locks", Need::read_all, [&](Request&, const Caller&) {
    Json locks = Json::array();
    for (const auto& lock : services.locks.all())
      if (lock.name.starts_with("lock:")) locks.push_back(lock_json(lock));
    return Response::json(200, locks);
  });
}

}  // namespace slipway::director::api
