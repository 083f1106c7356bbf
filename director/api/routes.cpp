#include "director/api/routes.hpp"

#include <charconv>

#include "director/domain/instance_requests.hpp"

namespace slipway::director::api {
namespace {

constexpr int unauthorized_code = 600000;
constexpr int deployment_not_found = 70000;
constexpr int instance_not_found = 70001;

int status_of(Fault fault) {
  switch (fault) {
    case Fault::invalid: return 400;
    case Fault::unauthenticated: return 401;
    case Fault::forbidden: return 401;
    case Fault::not_found: return 404;
    case Fault::conflict: return 400;
    case Fault::exhausted: return 507;
    case Fault::retryable: return 503;
    case Fault::outcome_unknown: return 500;
    case Fault::cancelled: return 503;
    case Fault::internal: return 500;
  }
  return 500;
}

Response not_authenticated(const Request& request) {
  auto response = Response::text(401, "Not authorized: '" + request.path + "'\n");
  response.headers["WWW-Authenticate"] = "Basic realm=\"BOSH Director\"";
  return response;
}

}  // namespace

Response error_response(const std::exception& error, const Log& log) {
  const auto* known = dynamic_cast<const Error*>(&error);
  if (!known || known->fault() == Fault::internal) {
    log.error("api.failed", {{"error", error.what()}});
    return Response::empty(500);
  }
  const int status = dynamic_cast<const http::BodyTooLarge*>(known) ? 413 : status_of(known->fault());
  const int code = known->code() != 0 ? known->code() : 100;
  return Response::json(status, {{"code", code}, {"description", known->what()}});
}

Routes::Routes(ApiServices& services, const ApiSettings& settings, Authenticator& authenticator)
    : services_(services), authenticator_(authenticator), access_(settings.director_uuid) {}

void Routes::add(const std::string& method, const std::string& pattern, Need need, RouteHandler handler) {
  table_.push_back({method, pattern, need});
  router_.add(method, pattern, [this, need, handler = std::move(handler)](Request& request) {
    return serve(request, need, handler);
  });
}

Response Routes::serve(Request& request, Need need, const RouteHandler& handler) const {
  try {
    const auto caller = authenticator_.identify(request);
    if (need != Need::nothing) {
      if (caller.anonymous()) return not_authenticated(request);
      demand(caller, need, owner_in_path(request, need));
    }
    return handler(request, caller);
  } catch (const std::exception& error) {
    return error_response(error, services_.log);
  }
}

void Routes::demand(const Caller& caller, Need need, const Owner& owner) const {
  if (access_.allowed(caller, need, owner)) return;
  throw Error(Fault::forbidden, "Require one of the scopes: " + access_.wanted(need), unauthorized_code);
}

Owner Routes::owner_of_deployment(const std::string& name) const {
  if (name.empty()) return {};
  const auto deployment = services_.stores.deployments.find(name);
  return deployment ? Owner{deployment->teams, ""} : Owner{};
}

Owner Routes::owner_of_task(const TaskRecord& task) const {
  auto owner = owner_of_deployment(task.deployment);
  owner.user = task.user;
  return owner;
}

Owner Routes::owner_in_path(const Request& request, Need need) const {
  if (need == Need::deployment_read || need == Need::deployment_admin || need == Need::repair)
    return owner_of_deployment(request.path_param("deployment"));
  if (need == Need::task_read || need == Need::task_secrets || need == Need::task_admin) {
    const auto task = services_.tasks.find(id_in_path(request, "id"));
    return task ? owner_of_task(*task) : Owner{};
  }
  return {};
}

Response submit(ApiServices& services, const Request& request, const Caller& caller, TaskRecord task) {
  task.user = caller.user;
  const auto context = request.headers.find("X-Bosh-Context-Id");
  if (context != request.headers.end()) {
    if (context->second.size() > 64)
      throw Error(Fault::invalid, "X-Bosh-Context-Id has " + std::to_string(context->second.size()) +
                                      " characters, at most 64 are allowed");
    task.context_id = context->second;
  }
  const auto submitted = services.queue.submit(std::move(task));
  return Response::redirect("/tasks/" + std::to_string(submitted.id));
}

DeploymentRecord deployment_in_path(ApiServices& services, const Request& request) {
  const auto& name = request.path_param("deployment");
  auto deployment = services.stores.deployments.find(name);
  if (!deployment) throw Error(Fault::not_found, "Deployment '" + name + "' doesn't exist", deployment_not_found);
  return std::move(*deployment);
}

std::string known_deployment(ApiServices& services, const Request& request) {
  return deployment_in_path(services, request).name;
}

InstanceRecord instance_in_path(ApiServices& services, const Request& request, const std::string& deployment) {
  const auto& group = request.path_param("group");
  const auto& wanted = request.path_param("id");
  for (auto& instance : services.stores.instances.of_deployment(deployment))
    if (instance.group == group && is_called(instance, wanted)) return instance;
  throw Error(Fault::not_found, "Instance '" + group + "/" + wanted + "' doesn't exist in deployment '" + deployment + "'",
              instance_not_found);
}

TaskRecord task_of_deployment(const std::string& type, const std::string& description, const std::string& deployment,
                              Json arguments) {
  TaskRecord task;
  task.type = type;
  task.description = description;
  task.deployment = deployment;
  arguments["deployment"] = deployment;
  task.arguments = std::move(arguments);
  return task;
}

std::string text_body(Request& request, std::size_t max_bytes) { return request.body->read_all(max_bytes); }

bool flag(const Request& request, const std::string& name) { return text(request, name) == "true"; }

std::string text(const Request& request, const std::string& name) {
  return request.query_value(name).value_or("");
}

std::int64_t integer(const Request& request, const std::string& name, std::int64_t fallback, std::int64_t min,
                     std::int64_t max) {
  const auto given = text(request, name);
  if (given.empty()) return fallback;
  std::int64_t value = 0;
  const auto parsed = std::from_chars(given.data(), given.data() + given.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != given.data() + given.size() || value < min || value > max)
    throw Error(Fault::invalid, "query '" + name + "' is '" + given + "': expected a number from " +
                                    std::to_string(min) + " to " + std::to_string(max));
  return value;
}

std::int64_t id_in_path(const Request& request, const std::string& name) {
  const auto& given = request.path_param(name);
  std::int64_t value = 0;
  const auto parsed = std::from_chars(given.data(), given.data() + given.size(), value);
  if (given.empty() || parsed.ec != std::errc{} || parsed.ptr != given.data() + given.size())
    throw Error(Fault::not_found, "'" + given + "' is no " + name);
  return value;
}

Json query_as_json(const Request& request) {
  Json values = Json::object();
  for (const auto& [name, value] : request.query) values[name] = value;
  return values;
}

std::vector<std::string> comma_list(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    if (end > at) parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

}  // namespace slipway::director::api
