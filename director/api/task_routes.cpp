#include <filesystem>

#include "base/json_text.hpp"
#include "director/api/output_tail.hpp"
#include "director/api/routes.hpp"

namespace slipway::director::api {
namespace {

constexpr int task_not_found = 10000;
constexpr std::int64_t max_wait_seconds = 60;
constexpr std::int64_t max_follow_seconds = 3600;

Json seconds_or_null(const std::optional<Timestamp>& time) {
  if (!time) return nullptr;
  return to_epoch_seconds(*time);
}

Json to_json(const TaskRecord& task) {
  return {{"id", task.id},
          {"state", to_string(task.state)},
          {"description", task.description},
          {"timestamp", seconds_or_null(task.finished_at)},
          {"started_at", seconds_or_null(task.started_at)},
          {"result", text_or_null(task.result)},
          {"user", task.user},
          {"deployment", text_or_null(task.deployment)},
          {"context_id", task.context_id}};
}

TaskRecord task_in_path(ApiServices& services, const Request& request) {
  auto task = services.tasks.find(id_in_path(request, "id"));
  if (!task) throw Error(Fault::not_found, "Task " + request.path_param("id") + " not found", task_not_found);
  return std::move(*task);
}

// With ?wait_seconds=N&version=V the answer comes when something has changed since V. The
// version is read before the task: a change in between is told by the next poll.
Response show(ApiServices& services, const Request& request) {
  auto task = task_in_path(services, request);
  if (!request.query_value("wait_seconds")) return Response::json(200, to_json(task));
  const auto wait = integer(request, "wait_seconds", 0, 0, max_wait_seconds);
  const auto version = integer(request, "version", 0, 0, INT64_MAX);
  const auto patience = is_final(task.state) ? std::chrono::seconds(0) : std::chrono::seconds(wait);
  const auto seen = services.queue.wait_for_change(task.id, static_cast<std::uint64_t>(version), patience);
  auto response = Response::json(200, to_json(task_in_path(services, request)));
  response.headers["X-Slipway-Version"] = std::to_string(seen);
  return response;
}

TaskFilter filter_of(const Request& request) {
  TaskFilter filter;
  for (const auto& state : comma_list(text(request, "state"))) filter.states.push_back(task_state_from_string(state));
  filter.types = comma_list(text(request, "type"));
  filter.deployment = text(request, "deployment");
  filter.context_id = text(request, "context_id");
  filter.limit = static_cast<int>(integer(request, "limit", 10000, 1, 10000));
  filter.include_internal = integer(request, "verbose", 1, 0, 2) == 2;
  return filter;
}

Response list(Routes& routes, ApiServices& services, const Request& request, const Caller& caller) {
  Json tasks = Json::array();
  for (const auto& task : services.tasks.list(filter_of(request)))
    if (routes.access().reads_all(caller) ||
        routes.access().allowed(caller, Need::task_read, routes.owner_of_task(task)))
      tasks.push_back(to_json(task));
  return Response::json(200, tasks);
}

Response follow(OutputTails& tails, const Request& request, const TaskRecord& task, const std::string& kind) {
  const auto seconds = integer(request, "follow_seconds", 0, 1, max_follow_seconds);
  const auto offset = integer(request, "offset", 0, 0, INT64_MAX);
  Response response;
  response.headers["Content-Type"] = "text/plain";
  response.body = http::FeedBody{tails.follow(task.id, kind, static_cast<std::uint64_t>(offset)),
                                 std::chrono::seconds(seconds)};
  return response;
}

Response output(Routes& routes, ApiServices& services, OutputTails& tails, const Request& request,
                const Caller& caller) {
  const auto task = task_in_path(services, request);
  const auto asked = request.query_value("type").value_or("debug");
  const auto kind = asked.empty() ? "debug" : asked;
  if (kind != "event" && kind != "result" && kind != "debug" && kind != "cpi")
    throw Error(Fault::invalid, "unknown output type '" + kind + "': expected event, result, debug or cpi");
  if (kind == "debug" || kind == "cpi") routes.demand(caller, Need::task_secrets, routes.owner_of_task(task));
  if (request.query_value("follow_seconds")) return follow(tails, request, task, kind);
  const auto path = services.tasks.output_path(task.id, kind);
  if (!std::filesystem::exists(path)) return Response::empty(204);
  return Response::file(request, path, "text/plain");
}

Response cancel(ApiServices& services, const Request& request) {
  const auto task = task_in_path(services, request);
  const auto gently = request.query_value("between_instances").value_or("false");
  if (gently != "true" && gently != "false")
    throw Error(Fault::invalid, "query 'between_instances' has to be true or false");
  const bool taken = gently == "true" ? services.queue.stop_between_instances(task.id)
                                      : task.state == TaskState::cancelling || services.queue.cancel(task.id);
  if (taken) return Response::empty(204);
  throw Error(Fault::conflict,
              "Cannot cancel task " + std::to_string(task.id) + ": invalid state (" + to_string(task.state) + ")",
              10001);
}

Response cancel_many(ApiServices& services, const Request& request) {
  const auto body = request.json_body();
  Problems problems;
  JsonReader in(body, "request", problems);
  TaskFilter filter;
  filter.deployment = in.string_or("deployment", "");
  filter.types = in.strings_or_empty("types");
  const auto states = in.strings_or_empty("states");
  problems.throw_if_any("cancelling tasks");
  for (const auto& state : states) filter.states.push_back(task_state_from_string(state));
  if (filter.states.empty()) filter.states = {TaskState::queued, TaskState::processing};
  filter.include_internal = true;
  filter.limit = 10000;
  for (const auto& task : services.tasks.list(filter)) services.queue.cancel(task.id);
  return Response::empty(204);
}

}  // namespace

void add_task_routes(Routes& routes, ApiServices& services) {
  const auto tails = std::make_shared<OutputTails>(services.tasks);
  services.queue.on_change([tails](TaskId task, TaskChange what) { tails->changed(task, what); });
  routes.add("GET", "/tasks", Need::list, [&](Request& request, const Caller& caller) {
    return list(routes, services, request, caller);
  });
  routes.add("POST", "/tasks/cancel", Need::admin,
             [&](Request& request, const Caller&) { return cancel_many(services, request); });
  routes.add("GET", "/tasks/{id}", Need::task_read,
             [&](Request& request, const Caller&) { return show(services, request); });
  routes.add("GET", "/tasks/{id}/output", Need::task_read, [&, tails](Request& request, const Caller& caller) {
    return output(routes, services, *tails, request, caller);
  });
  routes.add("DELETE", "/task/{id}", Need::task_admin,
             [&](Request& request, const Caller&) { return cancel(services, request); });
}

}  // namespace slipway::director::api
