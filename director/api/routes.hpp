#pragma once

#include <functional>
#include <string>

#include "base/http/server.hpp"
#include "director/api/access.hpp"
#include "director/api/authenticator.hpp"
#include "director/api/director_api.hpp"

// What the files of this folder share: the table of routes and the handlers' ways to answer.
namespace slipway::director::api {

using http::Request;
using http::Response;
using RouteHandler = std::function<Response(Request&, const Caller&)>;

// A route is a method, a pattern, what it demands and what it does. Proof of identity,
// authorization and the translation of errors happen here, once.
class Routes {
 public:
  Routes(ApiServices& services, const ApiSettings& settings, Authenticator& authenticator);

  void add(const std::string& method, const std::string& pattern, Need need, RouteHandler handler);
  Response operator()(Request& request) const { return router_(request); }

  struct Entry {
    std::string method, pattern;
    Need need;
  };
  const std::vector<Entry>& table() const { return table_; }
  const Access& access() const { return access_; }
  // Throws Fault::forbidden (600000) unless the caller may do that to something of this owner.
  void demand(const Caller& caller, Need need, const Owner& owner) const;
  Owner owner_of_deployment(const std::string& name) const;
  Owner owner_of_task(const TaskRecord& task) const;

 private:
  Response serve(Request& request, Need need, const RouteHandler& handler) const;
  Owner owner_in_path(const Request& request, Need need) const;

  ApiServices& services_;
  Authenticator& authenticator_;
  Access access_;
  http::Router router_;
  std::vector<Entry> table_;
};

// {code, description} with the status of the fault; an unforeseen exception is an empty 500.
Response error_response(const std::exception& error, const Log& log);

// Submits a task for the caller and redirects to it.
Response submit(ApiServices& services, const Request& request, const Caller& caller, TaskRecord task);

std::string text_body(Request& request, std::size_t max_bytes = 16u << 20);
bool flag(const Request& request, const std::string& name);              // "true" and nothing else
std::string text(const Request& request, const std::string& name);       // empty when absent
std::int64_t integer(const Request& request, const std::string& name, std::int64_t fallback, std::int64_t min,
                     std::int64_t max);
std::int64_t id_in_path(const Request& request, const std::string& name);  // Fault::not_found when no number
Json query_as_json(const Request& request);  // every query value as a text
std::vector<std::string> comma_list(const std::string& text);

// {certificate_path, expiry, days_left}. Fault::invalid when it is no certificate.
Json expiry(const std::string& path, const std::string& certificate_pem, Timestamp now);

// What a path below /deployments/{deployment} names. Fault::not_found (70000, 70001).
DeploymentRecord deployment_in_path(ApiServices& services, const Request& request);
std::string known_deployment(ApiServices& services, const Request& request);  // its name
InstanceRecord instance_in_path(ApiServices& services, const Request& request,
                                const std::string& deployment);  // {group}, {id}: its id or index

// A task of a deployment; its arguments get "deployment".
TaskRecord task_of_deployment(const std::string& type, const std::string& description,
                              const std::string& deployment, Json arguments = Json::object());

// Fault::invalid unless the content is a YAML mapping that is right for its type. What a placeholder will stand
// for is not known here.
void check_config(ApiServices& services, const std::string& type, const std::string& name, const std::string& content);

// Each adds the routes of one subject. The references outlive the routes.
void add_info_routes(Routes& routes, ApiServices& services, const ApiSettings& settings);
void add_task_routes(Routes& routes, ApiServices& services);
void add_config_routes(Routes& routes, ApiServices& services);
void add_legacy_config_routes(Routes& routes, ApiServices& services);
void add_release_routes(Routes& routes, ApiServices& services);
void add_package_routes(Routes& routes, ApiServices& services);
void add_stemcell_routes(Routes& routes, ApiServices& services);
void add_deployment_routes(Routes& routes, ApiServices& services);
void add_instance_routes(Routes& routes, ApiServices& services);
void add_instance_task_routes(Routes& routes, ApiServices& services, const ApiSettings& settings);
void add_event_routes(Routes& routes, ApiServices& services);
void add_problem_routes(Routes& routes, ApiServices& services);
void add_snapshot_routes(Routes& routes, ApiServices& services);
void add_resource_routes(Routes& routes, ApiServices& services);
void add_resurrection_routes(Routes& routes, ApiServices& services);
void add_health_monitor_routes(Routes& routes, ApiServices& services);
void add_config_server_routes(Routes& routes, ApiServices& services);

}  // namespace slipway::director::api
