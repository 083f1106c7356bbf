#include "director/executor/dns.hpp"

#include <map>
#include <set>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "director/executor/blob_urls.hpp"
#include "director/planner/networks.hpp"

namespace slipway::director {

namespace {

// The instance's own names come with its record; without a VM nothing answers there.
void add_instance(const InstanceRecord& instance, const VmRecord& vm, const std::string& domain,
                  const std::set<std::string>& link_groups, std::vector<DnsRecord>& records) {
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
    record.groups = {instance_group_key(instance.deployment, instance.group)};
    record.groups.insert(record.groups.end(), link_groups.begin(), link_groups.end());
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

void send_to_all(Services& services, TaskContext& task, const StoredBlob& blob, std::int64_t version) {
  const auto& settings = services.settings;
  const Json by_name = Json::array({blob.id.value, blob.sha1, version});
  Json by_url;
  if (settings.sign_url) {
    by_url = Json::array({{{"signed_url", url_to_get(settings, blob.id)},
                           {"multi_digest", blob.sha1},
                           {"version", version},
                           {"blobstore_headers", Json::object()}}});
  }
  std::vector<VmRecord> receivers;
  for (auto& vm : services.stores.vms.all()) {
    if (vm.cid && vm.state == VmState::created && !vm.instance.empty()) receivers.push_back(std::move(vm));
  }
  parallel_for(receivers.size(), services.settings.max_parallel, [&](std::size_t i) {
    const bool signs = takes_signed_urls(settings, receivers[i].stemcell_api_version);
    try {
      services.agents.request(receivers[i].agent, signs ? "sync_dns_with_signed_url" : "sync_dns",
                              signs ? by_url : by_name, settings.dns_wait);
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
    auto link_groups = services.stores.dns_link_groups.of(deployment.name);
    for (const auto& instance : services.stores.instances.of_deployment(deployment.name)) {
      const auto vm = active.find(instance.id.value);
      if (vm == active.end()) continue;
      add_instance(instance, vm->second, services.settings.dns_domain, link_groups[instance.group], records);
    }
  }
  return records;
}

Json dns_blob(DnsNumbers& numbers, const std::vector<DnsRecord>& records) {
  const auto numbers_of = [&](DnsNumberKind kind, auto name_of) {
    std::vector<std::string> names;
    names.reserve(records.size());
    for (const auto& record : records) names.push_back(name_of(record));
    return numbers.ensure(kind, names);
  };
  const auto azs = numbers_of(DnsNumberKind::az, [](const DnsRecord& record) { return record.az; });
  const auto networks = numbers_of(DnsNumberKind::network, [](const DnsRecord& record) { return record.network; });
  std::vector<std::string> group_names;
  for (const auto& record : records) group_names.insert(group_names.end(), record.groups.begin(), record.groups.end());
  const auto groups = numbers.ensure(DnsNumberKind::group, group_names);
  const auto instances =
      numbers_of(DnsNumberKind::instance, [](const DnsRecord& record) { return record.instance_id; });
  const auto number = [](const DnsNumbers::ByName& of, const std::string& name) {
    return std::to_string(of.at(name));
  };
  Json hosts = Json::array(), infos = Json::array();
  for (const auto& record : records) {
    for (const auto& name : record.names) hosts.push_back({record.ip, name});
    Json group_ids = Json::array();
    for (const auto& name : record.groups) group_ids.push_back(number(groups, name));
    infos.push_back({record.instance_id, number(instances, record.instance_id), record.group,
                     std::move(group_ids), record.az, number(azs, record.az),
                     record.network, number(networks, record.network), record.deployment, record.ip, record.domain,
                     record.agent_id, record.index});
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
  Json content = dns_blob(services.stores.dns_numbers, records);
  const auto content_key = sha1_hex(content.dump());
  auto& versions = services.stores.dns_versions;
  const auto published = versions.publish(content_key, services.clock.now());
  if (!published.is_new && !published.blob.empty()) return;  // sent, and not only written down
  content["version"] = published.version;
  const TempDir folder("dns", services.settings.work_folder);
  write_file_atomically(folder.path() / "records.json", content.dump(), 0600);
  const auto blob = services.blobs.put_file(folder.path() / "records.json",
                                            DnsVersions::blob_of(published.version, content_key));
  if (!services.settings.dns_hosts_file.empty()) {
    write_file_atomically(services.settings.dns_hosts_file, hosts_file(records), 0644);
  }
  send_to_all(services, task, blob, published.version);
  for (const auto& old : versions.blobs_before(published.version)) services.blobs.remove(old);
  versions.set_sent(published.version, blob.id);
}

}  // namespace slipway::director
