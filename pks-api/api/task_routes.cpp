#include "pks-api/api/routes.hpp"

namespace slipway::pks {

namespace {

using http::Request;
using http::Response;

constexpr std::int64_t usual_tasks = 10, max_tasks = 1000;

Json member_json(const FleetMember& member) {
  Json json = {{"cluster_name", member.name},
               {"last_action", "UPGRADE"},
               {"last_action_state", member.state},
               {"is_canary", member.is_canary}};
  // Clients of the PKS API take no null for a time.
  if (member.started_at != 0) json["start_time"] = member.started_at;
  if (member.ended_at != 0) json["end_time"] = member.ended_at;
  if (!member.description.empty()) json["last_action_description"] = member.description;
  return json;
}

Json task_json(const FleetTask& task) {
  Json members = Json::array();
  for (const auto& member : task.members) members.push_back(member_json(member));
  Json json = {{"uuid", task.uuid},
               {"type", "UPGRADE"},
               {"status", task.status},
               {"phase", phase_of(task)},
               {"owner", task.owner},
               {"max_in_flight", task.max_in_flight},
               {"start_time", task.started_at},
               {"clusters", members}};
  if (task.ended_at != 0) json["end_time"] = task.ended_at;
  return json;
}

}  // namespace

void add_task_routes(Routes& routes, Services& s) {
  routes.add("PATCH", "/clusters", [&s](Request& request, const Caller& caller) {
    return Response::json(202, task_json(s.fleets.create(caller, request.json_body(max_body_bytes))));
  });
  routes.add("GET", "/tasks", [&s](Request& request, const Caller& caller) {
    const auto asked = number_in_query(request, "limit", max_tasks);
    Json list = Json::array();
    for (const auto& task :
         s.fleets.list(caller, static_cast<std::size_t>(asked == 0 ? usual_tasks : asked))) {
      list.push_back(task_json(task));
    }
    return Response::json(200, list);
  });
  routes.add("GET", "/tasks/{id}", [&s](Request& request, const Caller& caller) {
    return Response::json(200, task_json(s.fleets.get(caller, request.path_param("id"))));
  });
  routes.add("PUT", "/tasks/{id}", [&s](Request& request, const Caller& caller) {
    return Response::json(200, task_json(s.fleets.cancel(caller, request.path_param("id"))));
  });
  const auto steer = [&](const std::string& verb, FleetTask (Fleets::*method)(const Caller&, const std::string&)) {
    routes.add("POST", "/tasks/{id}/" + verb, [&s, method](Request& request, const Caller& caller) {
      return Response::json(202, task_json((s.fleets.*method)(caller, request.path_param("id"))));
    });
  };
  steer("pause", &Fleets::pause);
  steer("resume", &Fleets::resume);
  steer("abort", &Fleets::abort);
  steer("retry", &Fleets::retry);
}

}  // namespace slipway::pks
