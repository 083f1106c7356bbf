#include <algorithm>
#include <map>
#include <set>

#include "director/api/routes.hpp"

namespace slipway::director::api {
namespace {

// Whether the VM is missed when it is away: not of an instance that never had one, or has one only
// while its errand runs.
bool expects_vm(const InstanceRecord& instance, const VmRecord* vm) {
  if (instance.state == InstanceState::detached) return false;
  if (!instance.spec.is_object() || instance.spec.empty()) return vm != nullptr;
  return instance.spec.value("lifecycle", "service") != "errand";
}

Json row(const InstanceRecord& instance, const VmRecord* vm, const std::vector<std::string>& ips) {
  return {{"agent_id", vm ? Json(vm->agent.value) : Json(nullptr)},
          {"cid", vm && vm->cid ? Json(vm->cid->value) : Json(nullptr)},
          {"id", instance.id.value},
          {"job", instance.group},
          {"index", instance.index},
          {"az", instance.az.empty() ? Json(nullptr) : Json(instance.az)},
          {"ips", ips},
          {"expects_vm", expects_vm(instance, vm)},
          {"ignore", instance.ignore}};
}

struct Rows {
  std::vector<InstanceRecord> instances;
  std::vector<VmRecord> vms;
  std::map<InstanceId, std::vector<std::string>> ips;
};

Rows rows_of(ApiServices& services, const std::string& deployment) {
  Rows rows{services.stores.instances.of_deployment(deployment), services.stores.vms.of_deployment(deployment), {}};
  for (const auto& ip : services.stores.ips.of_deployment(deployment)) rows.ips[ip.instance].push_back(ip.address);
  return rows;
}

Response list_instances(ApiServices& services, const Request& request) {
  const auto rows = rows_of(services, known_deployment(services, request));
  std::map<InstanceId, const VmRecord*> active;
  for (const auto& vm : rows.vms)
    if (vm.active) active[vm.instance] = &vm;
  Json list = Json::array();
  for (const auto& instance : rows.instances) {
    const auto vm = active.find(instance.id);
    const auto ips = rows.ips.find(instance.id);
    list.push_back(row(instance, vm == active.end() ? nullptr : vm->second,
                       ips == rows.ips.end() ? std::vector<std::string>() : ips->second));
  }
  return Response::json(200, list);
}

Response list_vms(ApiServices& services, const Request& request) {
  const auto rows = rows_of(services, known_deployment(services, request));
  std::map<InstanceId, const InstanceRecord*> instances;
  for (const auto& instance : rows.instances) instances[instance.id] = &instance;
  Json list = Json::array();
  for (const auto& vm : rows.vms) {
    const auto instance = instances.find(vm.instance);
    if (instance == instances.end()) continue;
    const auto ips = rows.ips.find(vm.instance);
    auto entry = row(*instance->second, &vm, ips == rows.ips.end() ? std::vector<std::string>() : ips->second);
    entry["active"] = vm.active;
    entry["permanent_nats_credentials"] = vm.permanent_nats_certificate;
    list.push_back(std::move(entry));
  }
  return Response::json(200, list);
}

Response list_or_fetch(ApiServices& services, const Request& request, const Caller& caller, bool only_with_vm) {
  if (text(request, "format") != "full")
    return only_with_vm ? list_vms(services, request) : list_instances(services, request);
  const auto deployment = known_deployment(services, request);
  return submit(services, request, caller,
                task_of_deployment("fetch_instances", only_with_vm ? "retrieve vm-stats" : "retrieve instance-stats", deployment,
                         {{"full", true}, {"only_with_vm", only_with_vm}}));
}

std::string state_asked(const std::string& state) {
  static const std::set<std::string> known = {"started", "stopped", "detached", "restart", "recreate"};
  if (known.contains(state)) return state;
  throw Error(Fault::invalid,
              "state '" + state + "' is not one of started, stopped, detached, restart and recreate", 190011);
}

Response change(ApiServices& services, const Request& request, const Caller& caller, bool one) {
  const auto deployment = known_deployment(services, request);
  const auto state = state_asked(text(request, "state"));
  Json arguments = {{"group", "*"}, {"instance", ""}, {"state", state}, {"options", query_as_json(request)}};
  std::string what = deployment;
  if (request.path_params.contains("group")) {
    arguments["group"] = request.path_param("group");
    if (arguments["group"] != "*") what = request.path_param("group");
  }
  if (one) {
    const auto instance = instance_in_path(services, request, deployment);
    arguments["instance"] = instance.id.value;
    what = instance.group + "/" + instance.id.value;
  }
  return submit(services, request, caller,
                task_of_deployment("change_instances", "change state of " + what + " to " + state, deployment,
                         std::move(arguments)));
}

// `--no-converge`: one instance, as it was deployed last.
Response act(ApiServices& services, const Request& request, const Caller& caller) {
  const auto deployment = known_deployment(services, request);
  const auto instance = instance_in_path(services, request, deployment);
  const auto& action = request.path_param("action");
  std::map<std::string, std::string> states = {{"start", "started"},
                                               {"stop", flag(request, "hard") ? "detached" : "stopped"},
                                               {"restart", "restart"},
                                               {"recreate", "recreate"}};
  if (!states.contains(action))
    throw Error(Fault::not_found, "action '" + action + "' is not one of start, stop, restart and recreate");
  auto options = query_as_json(request);
  options["no_converge"] = "true";
  return submit(services, request, caller,
                task_of_deployment("change_instances", action + " instance " + instance.group + "/" + instance.id.value, deployment,
                         {{"group", instance.group},
                          {"instance", instance.id.value},
                          {"state", states[action]},
                          {"action", action},
                          {"options", std::move(options)}}));
}

Response ignore(ApiServices& services, const Request& request) {
  const auto deployment = known_deployment(services, request);
  auto instance = instance_in_path(services, request, deployment);
  const auto body = request.json_body(1u << 20);
  Problems problems;
  instance.ignore = JsonReader(body, "request", problems).boolean("ignore");
  problems.throw_if_any("ignoring an instance");
  services.stores.instances.update(instance);
  services.tell_change({{"deployment", deployment}});
  return Response::empty(200);
}

}  // namespace

void add_instance_routes(Routes& routes, ApiServices& services) {
  const auto add = [&](const std::string& method, const std::string& pattern, Need need, RouteHandler handler) {
    routes.add(method, "/deployments/{deployment}" + pattern, need, std::move(handler));
  };
  add("GET", "/instances", Need::deployment_read, [&](Request& request, const Caller& caller) {
    return list_or_fetch(services, request, caller, false);
  });
  add("GET", "/vms", Need::deployment_read,
      [&](Request& request, const Caller& caller) { return list_or_fetch(services, request, caller, true); });
  add("PUT", "/jobs/{group}", Need::deployment_admin,
      [&](Request& request, const Caller& caller) { return change(services, request, caller, false); });
  add("PUT", "/jobs/{group}/{id}", Need::deployment_admin,
      [&](Request& request, const Caller& caller) { return change(services, request, caller, true); });
  add("POST", "/instance_groups/{group}/{id}/actions/{action}", Need::deployment_admin,
      [&](Request& request, const Caller& caller) { return act(services, request, caller); });
  add("PUT", "/instance_groups/{group}/{id}/ignore", Need::deployment_admin,
      [&](Request& request, const Caller&) { return ignore(services, request); });
}

}  // namespace slipway::director::api
