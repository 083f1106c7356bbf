#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/ip_range.hpp"
#include "base/json.hpp"
#include "cpi/contract/cpi.hpp"
#include "director/domain/cloud_config.hpp"

// The deployment manifest as a value. Source: BOSH's manifest v2; contracts/director-api.md
// section 3.1. Unknown keys pass, as they do in BOSH.
namespace slipway::director {

// "2" or "30%": so many of `total`. Percentages round down.
struct Amount {
  int value = 1;
  bool is_percent = false;

  int of(int total, int at_least) const;
  std::string to_string() const;
  static std::optional<Amount> parse(std::string_view text);  // "0" … or "0%" … "100%"
  bool operator==(const Amount&) const = default;
};

// Milliseconds: not before min, given up after max. A single number is one look after it.
struct WatchTime {
  std::chrono::milliseconds min{0}, max{0};

  static std::optional<WatchTime> parse(std::string_view text);  // "30000" or "1000-30000"
  std::string to_string() const;
  bool operator==(const WatchTime&) const = default;
};

enum class VmStrategy { delete_create, create_swap_delete };
std::string to_string(VmStrategy strategy);

struct UpdateRules {
  Amount canaries, max_in_flight;
  WatchTime canary_watch_time, update_watch_time;
  bool serial = true;
  VmStrategy vm_strategy = VmStrategy::delete_create;
  bool initial_deploy_parallel_azs = false;
};

struct ReleaseUse {
  std::string name, version;  // version: exact, "latest" or "1.latest"
  struct ExportedFrom {
    std::string os, version;
  };
  std::vector<ExportedFrom> exported_from;
};

struct StemcellUse {
  std::string alias, os, name, version;  // os or name, not both
};

// What a job says about a link it consumes.
struct LinkConsumer {
  bool blocked = false;              // `nil`: not even by implicit match
  std::string from, deployment, network;
  std::optional<bool> ip_addresses;  // unset: the deployment's features decide
  std::optional<Json> manual;        // {instances, properties, address}: no provider is looked for
};

// … and about one it provides.
struct LinkProvider {
  bool blocked = false;
  std::string as;
  bool shared = false;
  Json aliases = Json::array();
};

struct JobUse {
  std::string name, release;
  std::optional<Json> properties;    // replaces the group's and the manifest's, wholly
  std::map<std::string, LinkConsumer> consumes;
  std::map<std::string, LinkProvider> provides;
  Json custom_provider_definitions = Json::array();
};

struct NetworkUse {
  std::string name;
  std::vector<Ipv4> static_ips;      // one for each instance, in order; empty: dynamic
  bool default_dns = false, default_gateway = false, default_addressable = false;
  std::optional<int> nic_group;
};

enum class Lifecycle { service, errand };

struct MigratedFrom {
  std::string name, az;
};

// A disk that its jobs format and mount themselves: the agent only links it under its name.
struct NamedDisk {
  std::string name, type;            // name: [A-Za-z0-9._-]+; type: a disk type of the cloud config
};

struct InstanceGroup {
  std::string name;
  int instances = 0;
  std::vector<std::string> azs;      // empty: none
  std::vector<JobUse> jobs;
  std::string vm_type;               // or
  std::optional<cpi::VmRequirements> vm_resources;
  std::vector<std::string> vm_extensions;
  std::string stemcell;              // an alias
  std::int64_t persistent_disk_mib = 0;
  std::string persistent_disk_type;  // or
  std::vector<NamedDisk> persistent_disks;
  std::vector<NetworkUse> networks;
  Json env = Json::object();
  std::map<std::string, std::string> tags;
  Json properties = Json::object();
  UpdateRules update;                // the manifest's, with the group's on top
  Lifecycle lifecycle = Lifecycle::service;
  std::vector<MigratedFrom> migrated_from;

  // The network whose address is the instance's. Precondition: networks is not empty.
  const NetworkUse& default_network() const;
  const NetworkUse& addressable_network() const;
};

struct VariableDefinition {
  std::string name, type, update_mode;
  Json options = Json::object();
};

struct AddonRule {                   // empty lists do not restrict
  std::vector<std::pair<std::string, std::string>> jobs;  // name, release
  std::vector<std::string> instance_groups, stemcell_os, networks, azs, teams, deployments;
  std::optional<Lifecycle> lifecycle;

  bool empty() const;
};
struct Addon {
  std::string name;
  std::vector<JobUse> jobs;
  AddonRule include, exclude;
};

struct Features {
  bool use_dns_addresses = false;
  bool use_short_dns_addresses = false;
  bool use_link_dns_names = false;
  bool randomize_az_placement = false;
  bool converge_variables = false;
  bool use_tmpfs_config = false;
};

struct Manifest {
  std::string name;
  std::vector<ReleaseUse> releases;
  std::vector<ReleaseUse> runtime_releases;  // of runtime configs: needed where an addon of theirs applies
  std::vector<StemcellUse> stemcells;
  UpdateRules update;
  std::vector<InstanceGroup> instance_groups;
  std::vector<Addon> addons;
  std::vector<VariableDefinition> variables;
  Features features;
  std::map<std::string, std::string> tags;
  Json properties = Json::object();

  const InstanceGroup* find_group(const std::string& name) const;  // nullptr when unknown
  const StemcellUse* find_stemcell(const std::string& alias) const;
  const ReleaseUse* find_release(const std::string& name) const;
};

// `manifest` is parsed YAML with its placeholders replaced. Throws Fault::invalid with all
// problems: place, value, what is allowed, and the code BOSH gives it.
Manifest parse_manifest(const Json& manifest);

// What the manifest names and the cloud config does not have, and rules between the two.
// Appends to `problems`; the cloud config is valid by itself.
void check_references(const Manifest& manifest, const CloudConfig& cloud, Problems& problems);

}  // namespace slipway::director
