#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/random.hpp"
#include "base/yaml.hpp"
#include "director/planner/plan.hpp"

// A small world for the planner's tests, and what carrying out a plan makes of it.
namespace slipway::director::test {

inline constexpr const char* cloud_yaml = R"(
azs:
- {name: z1, cloud_properties: {host: h1}}
- {name: z2, cloud_properties: {host: h2}}
- {name: z3, cloud_properties: {host: h3}}
vm_types: [{name: small, cloud_properties: {cpu: 1, ram: 512}}, {name: large, cloud_properties: {cpu: 4, ram: 4096}}]
vm_extensions: [{name: extra, cloud_properties: {ram: 1024, flag: true}}]
disk_types: [{name: data, disk_size: 1024, cloud_properties: {kind: ssd}}]
networks:
- name: default
  subnets:
  - {range: 10.0.1.0/24, gateway: 10.0.1.1, dns: [10.0.1.1], az: z1, reserved: [10.0.1.2-10.0.1.9], static: [10.0.1.100-10.0.1.120], cloud_properties: {bridge: b1}}
  - {range: 10.0.2.0/24, gateway: 10.0.2.1, az: z2, static: [10.0.2.100-10.0.2.120]}
  - {range: 10.0.3.0/24, gateway: 10.0.3.1, az: z3, static: [10.0.3.100-10.0.3.120]}
- {name: flat, subnets: [{range: 10.9.0.0/29, gateway: 10.9.0.1, static: [10.9.0.6]}]}
- {name: wild, type: dynamic}
compilation: {workers: 2, network: default, az: z1}
)";

inline constexpr const char* manifest_yaml = R"(
name: dep
releases: [{name: etcd, version: latest}]
stemcells: [{alias: default, os: debian, version: latest}]
update: {canaries: 1, max_in_flight: 2, canary_watch_time: 1000, update_watch_time: 1000}
tags: {owner: us}
instance_groups:
- name: etcd
  instances: 3
  azs: [z1, z2, z3]
  vm_type: small
  stemcell: default
  persistent_disk_type: data
  networks: [{name: default}]
  jobs: [{name: etcd, release: etcd, properties: {port: 2379}}]
)";

inline Manifest manifest(const std::string& yaml = manifest_yaml, const std::function<void(Json&)>& change = {}) {
  auto json = parse_yaml(yaml, "manifest");
  if (change) change(json);
  return parse_manifest(json);
}

inline CloudConfig cloud(const std::function<void(Json&)>& change = {}) {
  auto json = parse_yaml(cloud_yaml, "cloud");
  if (change) change(json);
  return parse_cloud_config({{"default", json}});
}

inline JobRecord job(const std::string& name, Json spec) {
  spec["name"] = name;
  return {.name = name, .version = "v1", .fingerprint = "v1", .spec = std::move(spec)};
}

inline World world() {
  World out;
  out.stemcells = {{1, "debian-lxc", "1.9", "debian", 2, "", StemcellCid{"sc-9"}, ""},
                   {2, "debian-lxc", "1.10", "debian", 2, "", StemcellCid{"sc-10"}, ""}};
  ReleaseRecord release{.id = 1, .name = "etcd", .version = "0.9"};
  release.jobs = {job("etcd", {{"packages", {"etcd"}},
                               {"properties", {{"port", {{"default", 1}}}, {"tls.on", {{"default", true}}}}},
                               {"provides", {{{"name", "etcd"}, {"type", "etcd"}, {"properties", {"port", "tls.on"}}}}},
                               {"consumes", {{{"name", "peers"}, {"type", "etcd"}}}}}),
                  job("client", {{"packages", {"client"}}, {"consumes", {{{"name", "etcd"}, {"type", "etcd"}, {"optional", true}}}}}),
                  job("plain", Json::object())};
  const auto package = [](std::int64_t id, const char* name, std::vector<std::string> dependencies) {
    return PackageRecord{.id = id, .name = name, .version = "1", .dependencies = std::move(dependencies)};
  };
  release.packages = {package(1, "etcd", {"go", "lib"}), package(2, "go", {}), package(3, "lib", {"go"}),
                      package(4, "client", {"lib"}), package(5, "unused", {})};
  out.releases = {release, release};
  out.releases[1].id = 2;
  out.releases[1].version = "0.10";
  return out;
}

inline Desired desired(Manifest manifest_value = manifest(), CloudConfig cloud_value = cloud()) {
  return {std::move(manifest_value), std::move(cloud_value), {}};
}

struct Planned {
  Assignment assignment;
  Plan plan;
  std::map<InstanceId, RenderedSummary> rendered;
  std::map<InstanceId, Json> packages;
};

// Renders everything alike: what an instance is given is what it was rendered from.
inline Planned plan_for(const Desired& want, const World& have, std::uint64_t seed = 1) {
  Planned out;
  SeededRandom random(seed);
  out.assignment = assign(want, have, random);
  for (const auto& instance : out.assignment.instances) {
    Json text = Json::array();
    for (const auto& one : instance.jobs) text.push_back({one.name, one.properties, one.links});
    out.rendered[instance.id] = {std::to_string(std::hash<std::string>{}(dump(text))), Json::object()};
    out.packages[instance.id] = {{"etcd", {{"version", "f1.1"}, {"sha1", "s"}}}};
  }
  out.plan = decide(want, have, out.assignment, out.rendered, out.packages);
  return out;
}

// The instance as it is once a plan has been carried out without a hitch.
inline ActualInstance carried_out(const Desired& want, const Planned& done, const PlannedInstance& planned) {
  ActualInstance out;
  Json templates = Json::array();
  for (const auto& one : planned.jobs) templates.push_back({{"name", one.name}});
  const Json spec = {{"configuration_hash", done.rendered.at(planned.id).configuration_hash},
                     {"template_hashes", Json::object()},
                     {"packages", done.packages.at(planned.id)},
                     {"job", {{"templates", templates}}},
                     {"tags", planned.tags}};
  out.record = {.id = planned.id, .deployment = want.manifest.name, .group = planned.group, .index = planned.index,
                .bootstrap = planned.bootstrap, .az = planned.az, .state = planned.state, .update_completed = true,
                .spec = spec, .dns_names = planned.dns_names};
  out.ips = planned.ips;
  const auto* group = want.manifest.find_group(planned.group);
  const bool errand = group->lifecycle == Lifecycle::errand;
  for (const auto& disk : planned.disks) {
    if (errand && planned.is_new) continue;
    out.disks.push_back({.cid = DiskCid{"disk-" + planned.id.value + disk.name}, .instance = planned.id, .az = planned.az,
                         .name = disk.name, .size_mib = disk.size_mib, .cloud_properties = disk.cloud_properties});
  }
  // A group that became an errand keeps the disks it had; a new one gets none before it runs.
  if (errand) {
    out.record.update_completed = false;
    out.record.spec = Json::object();
    return out;
  }
  if (planned.state == InstanceState::detached) return out;
  out.vm = VmRecord{.agent = AgentId{"a-" + planned.id.value}, .cid = VmCid{"vm-" + planned.id.value},
                    .instance = planned.id, .state = VmState::created, .active = true, .cpi = planned.cpi,
                    .stemcell = planned.stemcell, .cloud_properties = planned.vm_cloud_properties,
                    .networks = planned.networks, .env = planned.env};
  out.job_state = planned.state == InstanceState::started ? "running" : "stopped";
  return out;
}

// The world afterwards.
inline World after(const Desired& want, World have, const Planned& done) {
  have.instances.clear();
  std::erase_if(have.reserved_ips, [&](const IpRecord& ip) { return ip.deployment == want.manifest.name; });
  for (const auto& planned : done.assignment.instances) {
    have.instances.push_back(carried_out(want, done, planned));
    have.reserved_ips.insert(have.reserved_ips.end(), planned.ips.begin(), planned.ips.end());
  }
  return have;
}

inline World deployed(const Desired& want, World have = world()) {
  const auto done = plan_for(want, have);
  return after(want, std::move(have), done);
}

inline const InstanceChange& change_of(const Plan& plan, const std::string& group, int nth = 0) {
  for (const auto& change : plan.changes) {
    if (change.group == group && nth-- == 0) return change;
  }
  throw Error(Fault::internal, "no such change");
}

inline std::vector<std::string> reason_codes(const InstanceChange& change) {
  std::vector<std::string> codes;
  for (const auto& reason : change.reasons) codes.push_back(reason.code);
  return codes;
}

inline bool is_empty(const Plan& plan) {
  for (const auto& change : plan.changes) {
    if (change.action != Action::none) return false;
  }
  return plan.partitions.empty();
}

}  // namespace slipway::director::test
