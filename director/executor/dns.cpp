#include "director/executor/dns.hpp"

#include <algorithm>
#include <map>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "director/planner/networks.hpp"

namespace slipway::director {

namespace {

// The instance's own names come with its record; without a VM nothing answers there.
void add_instance(const InstanceRecord& instance, const VmRecord& vm, const std::string& domain,
                  std::vector<DnsRecord>& records) {
  for (const auto& [network, settings] : vm.networks.items()) {
    DnsRecord record;
    record.ip = settings.value("ip", "");
    if (record.ip.empty()) continue;
    record.instance_id = instance.id.value;
    record.group = instance.group;
    record.az = instance.az;
    record.network = network;
    record.deployment = instance.deployment;
    record.agent_id = vm.agent.value;
    record.domain = domain;
    record.index = instance.index;
    for (const auto& host : {instance.id.value, std::to_string(instance.index), std::string("q-s0")}) {
      record.names.push_back(dns_name(host, instance.group, network, instance.deployment, domain));
    }
    records.push_back(std::move(record));
  }
}

std::string hosts_file(const std::vector<DnsRecord>& records) {
  std::string text;
  for (const auto& record : records) {
    text += record.ip;
    for (const auto& name : record.names) text += " " + name;
    text += "\n";
  }
  return text;
}

void send_to_all(Services& services, TaskContext& task, const Json& arguments) {
  std::vector<VmRecord> receivers;
  for (auto& vm : services.stores.vms.all()) {
    if (vm.cid && vm.state == VmState::created && !vm.instance.empty()) receivers.push_back(std::move(vm));
  }
  parallel_for(receivers.size(), services.settings.max_parallel, [&](std::size_t i) {
    try {
      services.agents.request(receivers[i].agent, "sync_dns", arguments, services.settings.dns_wait);
    } catch (const Error& error) {
      task.debug("sync_dns to agent " + receivers[i].agent.value + ": " + error.what());
    }
  });
}

}  // namespace

std::vector<DnsRecord> dns_records(Services& services) {
  std::vector<DnsRecord> records;
  std::map<std::string, VmRecord> active;
  for (auto& vm : services.stores.vms.all()) {
    if (vm.active && vm.cid) active.emplace(vm.instance.value, std::move(vm));
  }
  for (const auto& deployment : services.stores.deployments.all()) {
    for (const auto& instance : services.stores.instances.of_deployment(deployment.name)) {
      const auto vm = active.find(instance.id.value);
      if (vm != active.end()) add_instance(instance, vm->second, services.settings.dns_domain, records);
    }
  }
  return records;
}

Json dns_blob(const std::vector<DnsRecord>& records) {
  Json hosts = Json::array(), infos = Json::array();
  std::map<std::string, std::string> group_ids, az_ids, network_ids;
  const auto number = [](std::map<std::string, std::string>& ids, const std::string& name) {
    return ids.try_emplace(name, std::to_string(ids.size() + 1)).first->second;
  };
  std::int64_t num_id = 0;
  for (const auto& record : records) {
    for (const auto& name : record.names) hosts.push_back({record.ip, name});
    infos.push_back({record.instance_id, std::to_string(++num_id), record.group,
                     Json::array({number(group_ids, record.deployment + "/" + record.group)}), record.az,
                     number(az_ids, record.az), record.network, number(network_ids, record.network),
                     record.deployment, record.ip, record.domain, record.agent_id, record.index});
  }
  return {{"records", hosts},
          {"record_keys",
           {"id", "num_id", "instance_group", "group_ids", "az", "az_id", "network", "network_id",
            "deployment", "ip", "domain", "agent_id", "instance_index"}},
          {"record_infos", infos},
          {"aliases", Json::object()}};
}

void publish_dns(Services& services, TaskContext& task) {
  const auto records = dns_records(services);
  Json content = dns_blob(records);
  const auto content_key = sha1_hex(content.dump());
  auto& versions = services.stores.dns_versions;
  const auto published = versions.publish(content_key, services.clock.now());
  if (!published.is_new && !published.blob.empty()) return;
  content["version"] = published.version;
  const TempDir folder("dns", services.settings.work_folder);
  write_file_atomically(folder.path() / "records.json", content.dump(), 0600);
  const auto blob = services.blobs.put_file(folder.path() / "records.json");
  for (const auto& old : versions.set_blob(published.version, blob.id)) services.blobs.remove(old);
  if (!services.settings.dns_hosts_file.empty()) {
    write_file_atomically(services.settings.dns_hosts_file, hosts_file(records), 0644);
  }
  send_to_all(services, task, Json::array({blob.id.value, blob.sha1, published.version}));
}

}  // namespace slipway::director
