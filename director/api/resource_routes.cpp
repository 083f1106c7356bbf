#include "director/api/routes.hpp"

namespace slipway::director::api {
namespace {

Response orphaned_disks(ApiServices& services) {
  Json disks = Json::array();
  for (const auto& disk : services.stores.disks.orphaned())
    disks.push_back({{"disk_cid", disk.cid.value},
                     {"size", disk.size_mib},
                     {"az", disk.az.empty() ? Json(nullptr) : Json(disk.az)},
                     {"deployment_name", disk.deployment},
                     {"instance_name", disk.group + "/" + disk.instance.value},
                     {"cloud_properties", disk.cloud_properties},
                     {"orphaned_at", disk.orphaned_at ? to_director_time(*disk.orphaned_at) : ""}});
  return Response::json(200, disks);
}

Response delete_disk(ApiServices& services, const Request& request, const Caller& caller) {
  TaskRecord task;
  task.type = "delete_disk";
  task.description = "delete orphaned disk " + request.path_param("cid");
  task.arguments = {{"disk_cid", request.path_param("cid")}};
  return submit(services, request, caller, std::move(task));
}

}  // namespace

void add_resource_routes(Routes& routes, ApiServices& services) {
  const auto empty_list = [](Request&, const Caller&) { return Response::json(200, Json::array()); };
  routes.add("GET", "/disks", Need::read_all,
             [&](Request&, const Caller&) { return orphaned_disks(services); });
  routes.add("DELETE", "/disks/{cid}", Need::admin,
             [&](Request& request, const Caller& caller) { return delete_disk(services, request, caller); });
  routes.add("GET", "/orphaned_vms", Need::read_all, empty_list);
  routes.add("GET", "/networks", Need::read_all, empty_list);
}

}  // namespace slipway::director::api
