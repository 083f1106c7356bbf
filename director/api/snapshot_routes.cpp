#include <map>

#include "director/api/routes.hpp"

namespace slipway::director::api {
namespace {

constexpr int snapshot_not_found = 70008;

Json list(ApiServices& services, const std::string& deployment, const InstanceRecord* only) {
  std::map<DiskCid, InstanceId> owners;
  for (const auto& disk : services.stores.disks.of_deployment(deployment)) owners[disk.cid] = disk.instance;
  std::map<InstanceId, InstanceRecord> instances;
  for (auto& instance : services.stores.instances.of_deployment(deployment)) instances[instance.id] = instance;
  Json snapshots = Json::array();
  for (const auto& snapshot : services.stores.snapshots.of_deployment(deployment)) {
    const auto instance = instances.find(owners[snapshot.disk]);
    if (instance == instances.end() || (only && only->id != instance->first)) continue;
    snapshots.push_back({{"job", instance->second.group},
                         {"index", instance->second.index},
                         {"uuid", instance->first.value},
                         {"snapshot_cid", snapshot.cid.value},
                         {"created_at", to_director_time(snapshot.created_at)},
                         {"clean", snapshot.clean}});
  }
  return snapshots;
}

Response create_of_instance(ApiServices& services, const Request& request, const Caller& caller) {
  const auto deployment = known_deployment(services, request);
  const auto instance = instance_in_path(services, request, deployment);
  return submit(services, request, caller,
                task_of_deployment("create_snapshot", "create snapshot", deployment, {{"instance", instance.id.value}}));
}

Response remove_one(ApiServices& services, const Request& request, const Caller& caller) {
  const auto deployment = known_deployment(services, request);
  const auto& cid = request.path_param("cid");
  const auto snapshot = services.stores.snapshots.find(SnapshotCid{cid});
  const auto disk = snapshot ? services.stores.disks.find(snapshot->disk) : std::nullopt;
  if (!disk || disk->deployment != deployment) {
    throw Error(Fault::not_found, "snapshot " + cid + " not found in deployment " + deployment, snapshot_not_found);
  }
  return submit(services, request, caller,
                task_of_deployment("delete_snapshot", "delete snapshot", deployment, {{"snapshot_cid", cid}}));
}

}  // namespace

void add_snapshot_routes(Routes& routes, ApiServices& services) {
  const auto add = [&](const std::string& method, const std::string& pattern, Need need, RouteHandler handler) {
    routes.add(method, "/deployments/{deployment}" + pattern, need, std::move(handler));
  };
  // A whole deployment's, by one kind of task.
  const auto all = [&](const char* type, const char* description) {
    return [&services, type, description](Request& request, const Caller& caller) {
      return submit(services, request, caller,
                    task_of_deployment(type, description, known_deployment(services, request)));
    };
  };
  add("GET", "/snapshots", Need::deployment_read, [&](Request& request, const Caller&) {
    return Response::json(200, list(services, known_deployment(services, request), nullptr));
  });
  add("POST", "/snapshots", Need::deployment_admin, all("snapshot_deployment", "snapshot deployment"));
  add("DELETE", "/snapshots", Need::deployment_admin,
      all("delete_deployment_snapshots", "delete deployment snapshots"));
  add("DELETE", "/snapshots/{cid}", Need::deployment_admin,
      [&](Request& request, const Caller& caller) { return remove_one(services, request, caller); });
  add("GET", "/jobs/{group}/{id}/snapshots", Need::deployment_read, [&](Request& request, const Caller&) {
    const auto deployment = known_deployment(services, request);
    const auto instance = instance_in_path(services, request, deployment);
    return Response::json(200, list(services, deployment, &instance));
  });
  add("POST", "/jobs/{group}/{id}/snapshots", Need::deployment_admin,
      [&](Request& request, const Caller& caller) { return create_of_instance(services, request, caller); });
}

}  // namespace slipway::director::api
