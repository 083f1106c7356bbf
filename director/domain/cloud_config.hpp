#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/ip_range.hpp"
#include "base/json.hpp"
#include "cpi/contract/cpi.hpp"

// What the operator's clouds offer: availability zones, sizes, disks and networks.
// Source: BOSH's cloud config; contracts/director-api.md section 3.2.
namespace slipway::director {

struct Az {
  std::string name, cpi;  // cpi: name of the cpi-config entry, empty for the default
  Json cloud_properties = Json::object();
};

struct VmType {
  std::string name;
  Json cloud_properties = Json::object();
};
using VmExtension = VmType;

struct DiskType {
  std::string name;
  std::int64_t size_mib = 0;  // 0: no disk
  Json cloud_properties = Json::object();
};

struct Subnet {
  std::vector<std::string> azs;    // empty: serves instances without an AZ
  std::optional<Cidr> range;       // manual networks only
  std::optional<Ipv4> gateway;
  std::vector<std::string> dns;
  IpSet reserved;                  // never given to anybody
  IpSet static_ips;                // only by name in `static_ips`, never dynamically
  Json cloud_properties = Json::object();

  bool serves(const std::string& az) const;  // "": an instance without an AZ
};

enum class NetworkType { manual, dynamic, vip };
std::string to_string(NetworkType type);

struct Network {
  std::string name;
  NetworkType type = NetworkType::manual;
  std::vector<Subnet> subnets;     // a dynamic or vip network without subnets has one, without AZ

  bool has_azs() const;
  bool serves(const std::string& az) const;
  const Subnet* subnet_of(Ipv4 ip) const;  // manual: whose range holds it
};

struct Compilation {
  int workers = 1;
  std::string network, az, vm_type;
  std::optional<cpi::VmRequirements> vm_resources;
  std::vector<std::string> vm_extensions;
  Json cloud_properties = Json::object();
  Json env = Json::object();
  bool reuse_compilation_vms = false;
  bool orphan_workers = false;
};

struct CloudConfig {
  std::vector<Az> azs;
  std::vector<VmType> vm_types;
  std::vector<VmExtension> vm_extensions;
  std::vector<DiskType> disk_types;
  std::vector<Network> networks;
  std::optional<Compilation> compilation;

  // nullptr when unknown.
  const Az* find_az(const std::string& name) const;
  const VmType* find_vm_type(const std::string& name) const;
  const VmExtension* find_vm_extension(const std::string& name) const;
  const DiskType* find_disk_type(const std::string& name) const;
  const Network* find_network(const std::string& name) const;
};

// One named config as parsed from YAML, placeholders already replaced.
struct NamedConfig {
  std::string name;  // "default" for the unnamed one
  Json content;
};

// Several named configs are one: lists are joined, `compilation` may stand in one only.
// Throws Fault::invalid with all problems, each with its wire code.
CloudConfig parse_cloud_config(const std::vector<NamedConfig>& configs);

// Reads one size given by need: {cpu, ram, ephemeral_disk_size}.
cpi::VmRequirements parse_vm_resources(const Json& value, const std::string& place, Problems& problems);

// The director's merge: later ones win, key by key, not deeply.
Json merged_cloud_properties(const std::vector<const Json*>& layers);

}  // namespace slipway::director
