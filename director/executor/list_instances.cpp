#include "base/parallel.hpp"
#include "base/yaml.hpp"
#include "director/executor/bodies.hpp"
#include "director/planner/plan.hpp"

namespace slipway::director {

namespace {

struct Row {
  InstanceRecord instance;
  std::optional<VmRecord> vm;
  std::vector<DiskRecord> disks;
  std::vector<IpRecord> ips;
  Json state = Json::object();  // what the agent said
  std::string vm_type;
};

constexpr auto agent_limit = std::chrono::seconds{5};

// What the manifest says of each group. Before the first success there is only the attempted one,
// which may be anything: then nothing is said.
std::map<std::string, std::string> vm_types_of(const DeploymentRecord& deployment) {
  std::map<std::string, std::string> types;
  try {
    const auto manifest =
        parse_yaml(deployment.manifest.empty() ? deployment.attempted_manifest : deployment.manifest, "manifest");
    for (const auto& group : manifest.at("instance_groups"))
      if (group.contains("vm_type")) types[group.at("name").get<std::string>()] = group.at("vm_type").get<std::string>();
  } catch (const Error&) {
  } catch (const Json::exception&) {
  }
  return types;
}

Json to_json(const Row& row, bool resurrection_paused) {
  Json ips = Json::array(), disk_cids = Json::array();
  for (const auto& ip : row.ips) ips.push_back(ip.address);
  Json store_cid;  // BOSH's `disk_cid`: of the disk that its agent mounts
  for (const auto& disk : row.disks) {
    disk_cids.push_back(disk.cid.value);
    if (disk.name.empty() && (store_cid.is_null() || disk.state == DiskState::active)) store_cid = disk.cid.value;
  }
  Json json = {{"job_name", row.instance.group},
               {"id", row.instance.id.value},
               {"index", row.instance.index},
               {"state", to_string(row.instance.state)},
               {"bootstrap", row.instance.bootstrap},
               {"ignore", row.instance.ignore},
               {"az", row.instance.az},
               {"ips", ips},
               {"dns", row.instance.dns_names},
               {"disk_cid", store_cid},
               {"disk_cids", disk_cids},
               {"vm_type", row.vm_type},
               {"agent_id", nullptr},
               {"vm_cid", nullptr},
               {"active", nullptr},
               {"resource_pool", nullptr},
               {"update_completed", row.instance.update_completed},
               {"job_state", row.state.contains("job_state") ? row.state["job_state"] : Json()},
               {"processes", row.state.value("processes", Json::array())},
               {"vitals", row.state.value("vitals", Json::object())},
               {"resurrection_paused", resurrection_paused}};
  if (row.vm) {
    json["agent_id"] = row.vm->agent.value;
    if (row.vm->cid) json["vm_cid"] = row.vm->cid->value;
    json["active"] = row.vm->active;
    json["vm_created_at"] = to_rfc3339(row.vm->created_at);
    json["cloud_properties"] = row.vm->cloud_properties;
    json["stemcell"] = {{"name", row.vm->stemcell.name},
                        {"version", row.vm->stemcell.version},
                        {"api_version", row.vm->stemcell_api_version}};
  }
  return json;
}

}  // namespace

void list_instances(Services& services, TaskContext& task, const std::string& deployment, bool only_with_vm) {
  auto& stores = services.stores;
  std::map<std::string, std::string> vm_types;
  if (const auto record = stores.deployments.find(deployment)) vm_types = vm_types_of(*record);
  std::vector<Row> rows;
  for (auto& instance : stores.instances.of_deployment(deployment)) {
    Row row{.instance = std::move(instance)};
    row.vm = stores.vms.active_of(row.instance.id);
    if (only_with_vm && !row.vm) continue;
    row.disks = stores.disks.of_instance(row.instance.id);
    row.vm_type = vm_types[row.instance.group];
    rows.push_back(std::move(row));
  }
  for (auto& ip : stores.ips.of_deployment(deployment)) {
    for (auto& row : rows) {
      if (row.instance.id == ip.instance) row.ips.push_back(ip);
    }
  }
  parallel_for(rows.size(), services.settings.max_parallel, [&](std::size_t i) {
    auto& row = rows[i];
    if (!row.vm || !row.vm->cid) return;
    try {
      row.state = services.agents.request(row.vm->agent, "get_state", Json::array({"full"}), agent_limit);
    } catch (const Error&) {
      row.state["job_state"] = "unresponsive agent";
    }
  });
  const bool paused = stores.attributes.resurrection_paused();
  for (const auto& row : rows) task.result_line(dump(to_json(row, paused)));
}

}  // namespace slipway::director
