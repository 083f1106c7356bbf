#include "base/json_text.hpp"
#include "director/api/routes.hpp"
#include "director/cleanup/cleanable.hpp"

namespace slipway::director::api {
namespace {

constexpr int network_not_found = 100002;

Response orphaned_disks(ApiServices& services) {
  Json disks = Json::array();
  for (const auto& disk : services.stores.disks.orphaned())
    disks.push_back({{"disk_cid", disk.cid.value},
                     {"disk_name", disk.name},
                     {"size", disk.size_mib},
                     {"az", text_or_null(disk.az)},
                     {"deployment_name", disk.deployment},
                     {"instance_name", disk.group + "/" + disk.instance.value},
                     {"cloud_properties", disk.cloud_properties},
                     {"orphaned_at", disk.orphaned_at ? to_director_time(*disk.orphaned_at) : ""}});
  return Response::json(200, disks);
}

Response orphaned_vms(ApiServices& services) {
  Json vms = Json::array();
  for (const auto& vm : services.stores.orphaned_vms.all()) {
    vms.push_back({{"cid", vm.cid.value},
                   {"deployment_name", vm.deployment},
                   {"instance_name", vm.instance_name},
                   {"az", text_or_null(vm.az)},
                   {"ip_addresses", vm.ip_addresses},
                   {"orphaned_at", to_director_time(vm.orphaned_at)}});
    if (vm.kept_until) vms.back()["kept_until"] = to_director_time(*vm.kept_until);
  }
  return Response::json(200, vms);
}

Response delete_or_orphan_disk(ApiServices& services, const Request& request, const Caller& caller) {
  const bool orphan = flag(request, "orphan");
  TaskRecord task;
  task.type = orphan ? "orphan_disk" : "delete_orphan_disks";
  task.description = orphan ? "orphan disk" : "delete orphan disks";
  task.arguments = {{"disk_cid", request.path_param("cid")}};
  return submit(services, request, caller, std::move(task));
}

std::string required(const Request& request, const std::string& name, Problems& problems) {
  auto value = text(request, name);
  if (value.empty()) problems.add("query '" + name + "'", "is required", 40001);
  return value;
}

Response attach_disk(ApiServices& services, const Request& request, const Caller& caller) {
  Problems problems;
  const auto deployment = required(request, "deployment", problems);
  const auto group = required(request, "job", problems);
  const auto instance = required(request, "instance_id", problems);
  const auto properties = text(request, "disk_properties");
  if (!properties.empty() && properties != "copy")
    problems.add("query 'disk_properties'", "is '" + properties + "'; only 'copy' is allowed", 40005);
  problems.throw_if_any("attaching a disk");
  if (!services.stores.deployments.find(deployment))
    throw Error(Fault::not_found, "Deployment '" + deployment + "' doesn't exist", 70000);
  const auto& cid = request.path_param("cid");
  return submit(services, request, caller,
                task_of_deployment("attach_disk", "attach disk '" + cid + "' to '" + group + "/" + instance + "'",
                                   deployment,
                                   {{"group", group},
                                    {"instance", instance},
                                    {"disk_cid", cid},
                                    {"disk_properties", properties}}));
}

Response delete_vm(ApiServices& services, const Request& request, const Caller& caller) {
  const auto& cid = request.path_param("cid");
  TaskRecord task;
  task.type = "delete_vm";
  task.description = "delete vm " + cid;
  task.arguments = {{"vm_cid", cid}};
  return submit(services, request, caller, std::move(task));
}

// Networks are the operator's own, in the cloud config: the director makes none, so none is left over.
Response networks(const Request& request) {
  if (flag(request, "orphaned")) return Response::json(200, Json::array());
  throw Error(Fault::invalid, "only orphaned networks can be listed: GET /networks?orphaned=true");
}

Response delete_network(const Request& request) {
  throw Error(Fault::not_found, "there is no orphaned network '" + request.path_param("name") + "'",
              network_not_found);
}

Response clean_up(ApiServices& services, const Request& request, const Caller& caller) {
  const auto body = request.json_body(1u << 20);
  Problems problems;
  JsonReader in(body, "request", problems);
  JsonReader config(in.object_or_empty("config"), "config", problems);
  TaskRecord task;
  task.type = "cleanup_artifacts";
  const bool all = config.boolean_or("remove_all", false);
  task.description = all ? "clean up all" : "clean up";
  task.arguments = {{"remove_all", all}, {"keep_orphaned_disks", config.boolean_or("keep_orphaned_disks", false)}};
  problems.throw_if_any("clean-up");
  return submit(services, request, caller, std::move(task));
}

}  // namespace

void add_resource_routes(Routes& routes, ApiServices& services) {
  routes.add("GET", "/disks", Need::read_all,
             [&](Request&, const Caller&) { return orphaned_disks(services); });
  routes.add("DELETE", "/disks/{cid}", Need::admin, [&](Request& request, const Caller& caller) {
    return delete_or_orphan_disk(services, request, caller);
  });
  routes.add("PUT", "/disks/{cid}/attachments", Need::admin,
             [&](Request& request, const Caller& caller) { return attach_disk(services, request, caller); });
  routes.add("DELETE", "/vms/{cid}", Need::admin,
             [&](Request& request, const Caller& caller) { return delete_vm(services, request, caller); });
  routes.add("GET", "/orphaned_vms", Need::read_all,
             [&](Request&, const Caller&) { return orphaned_vms(services); });
  routes.add("GET", "/networks", Need::read_all, [](Request& request, const Caller&) { return networks(request); });
  routes.add("DELETE", "/networks/{name}", Need::admin,
             [](Request& request, const Caller&) { return delete_network(request); });
  routes.add("POST", "/cleanup", Need::admin,
             [&](Request& request, const Caller& caller) { return clean_up(services, request, caller); });
  routes.add("GET", "/cleanup/dryrun", Need::admin, [&](Request& request, const Caller&) {
    const CleanupOptions options{flag(request, "remove_all"), flag(request, "keep_orphaned_disks")};
    return Response::json(200, to_json(find_cleanable(services.stores, options)));
  });
}

}  // namespace slipway::director::api
