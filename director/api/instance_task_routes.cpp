#include <set>

#include "director/api/routes.hpp"
#include "director/domain/error_codes.hpp"
#include "director/domain/instance_requests.hpp"
#include "director/executor/errands.hpp"

// Errands, logs and ssh: what is asked of running instances.
namespace slipway::director::api {
namespace {

constexpr std::size_t largest_body = 1u << 20;

Response list_errands(ApiServices& services, const std::string& director_name, const Request& request) {
  const auto deployment = deployment_in_path(services, request);
  Json list = Json::array();
  if (deployment.manifest.empty()) return Response::json(200, list);
  const auto deployed = read_deployed(services.stores, director_name, services.clock, deployment);
  for (const auto& name : DeployedErrands(deployed.manifest, deployed.instances, deployed.releases).names())
    list.push_back({{"name", name}});
  return Response::json(200, list);
}

Response run_errand(ApiServices& services, Request& request, const Caller& caller) {
  const auto deployment = known_deployment(services, request);
  const auto text = text_body(request, largest_body);
  const auto& errand = request.path_param("errand");
  const auto asked = read_errand_request(errand, text.empty() ? Json::object() : parse_json(text, "request body"));
  return submit(services, request, caller,
                task_of_deployment("run_errand", "run errand " + errand + " from deployment " + deployment, deployment,
                                   {{"errand", errand}, {"request", to_json(asked)}}));
}

// "*" stands for every group, and for every instance.
Json instances_in_path(ApiServices& services, const Request& request, const std::string& deployment) {
  const auto& group = request.path_param("group");
  const auto& id = request.path_param("id");
  std::set<InstanceId> with_vm;
  for (const auto& vm : services.stores.vms.of_deployment(deployment))
    if (vm.active) with_vm.insert(vm.instance);
  Json ids = Json::array();
  for (const auto& instance : services.stores.instances.of_deployment(deployment)) {
    if (group != "*" && instance.group != group) continue;
    if (id != "*" && !is_called(instance, id)) continue;
    if (with_vm.contains(instance.id)) ids.push_back(instance.id.value);
  }
  if (!ids.empty()) return ids;
  throw Error(Fault::not_found,
              "No appropriate instance with a VM was found in deployment '" + deployment + "' for '" + group + "/" +
                  id + "'",
              code::instance_not_found);
}

Response fetch_logs(ApiServices& services, const Request& request, const Caller& caller) {
  const auto deployment = known_deployment(services, request);
  const auto asked = read_logs_request(query_as_json(request));
  return submit(services, request, caller,
                task_of_deployment("fetch_logs", "fetch logs", deployment,
                                   {{"instances", instances_in_path(services, request, deployment)},
                                    {"request", to_json(asked)}}));
}

Response ssh(ApiServices& services, Request& request, const Caller& caller) {
  const auto deployment = known_deployment(services, request);
  const auto asked = to_json(read_ssh_request(deployment, request.json_body(largest_body)));
  return submit(services, request, caller,
                task_of_deployment("ssh", "ssh: " + asked.at("command").get<std::string>(), deployment,
                                   {{"request", asked}}));
}

}  // namespace

void add_instance_task_routes(Routes& routes, ApiServices& services, const ApiSettings& settings) {
  const auto add = [&](const std::string& method, const std::string& pattern, Need need, RouteHandler handler) {
    routes.add(method, "/deployments/{deployment}" + pattern, need, std::move(handler));
  };
  add("GET", "/errands", Need::deployment_read, [&, name = settings.director_name](Request& request, const Caller&) {
    return list_errands(services, name, request);
  });
  add("POST", "/errands/{errand}/runs", Need::deployment_admin,
      [&](Request& request, const Caller& caller) { return run_errand(services, request, caller); });
  add("GET", "/jobs/{group}/{id}/logs", Need::deployment_admin,
      [&](Request& request, const Caller& caller) { return fetch_logs(services, request, caller); });
  add("POST", "/ssh", Need::deployment_admin,
      [&](Request& request, const Caller& caller) { return ssh(services, request, caller); });
}

}  // namespace slipway::director::api
