#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/secret.hpp"

namespace slipway::cpi::vsphere {

struct ClusterConfig {
  std::string name;
  std::string resource_pool;  // its name, anywhere below the cluster's root pool; empty: the root pool
};

struct DatacenterConfig {
  std::string name;                          // inventory path from the root folder: "DC0" or "Europe/DC0"
  std::string vm_folder;                     // below the datacenter's folder of VMs; made when absent
  std::string template_folder;               // the same, for stemcells
  std::string disk_path;                     // folder on each datastore for persistent disks
  std::string datastore_pattern;             // regular expression found in the name, of VMs and stemcells
  std::string persistent_datastore_pattern;  // of persistent disks
  std::vector<ClusterConfig> clusters;       // at least one
};

struct VsphereConfig {
  std::string host;
  std::int64_t port = 443;
  std::string user;
  Secret password;
  std::string ca_pem;  // empty: the system's CAs
  bool verify_tls = true;
  std::vector<DatacenterConfig> datacenters;
  // What every agent is told; the director's env overrides it.
  Json agent_mbus = "";
  Json agent_blobstore = Json::object();
  std::vector<std::string> agent_ntp;
  std::int64_t default_cpu = 1;
  std::int64_t default_ram_mib = 1024;
  std::int64_t default_ephemeral_disk_mib = 4096;
  std::string default_disk_type;               // "thin", "preallocated" or "eagerZeroedThick"
  std::int64_t datastore_headroom_mib = 1024;  // what placement leaves free
  std::int64_t task_timeout_s = 3600;
  bool auto_anti_affinity = false;  // VMs of one instance group are kept on different hosts

  std::string url() const;  // "https://host:port"
  const DatacenterConfig* find_datacenter(const std::string& name) const;
};

// Reads the CPI's YAML or JSON file, overlaid with what the request's context has of the keys that
// describe a vCenter (a CPI config's properties). Throws Fault::invalid that lists every problem.
VsphereConfig load_vsphere_config(const std::string& file, const Json& context);
VsphereConfig read_vsphere_config(Json value, const std::string& source);

// The keys, defaults and meanings as a Markdown table.
std::string vsphere_config_reference();

}  // namespace slipway::cpi::vsphere
