#pragma once

#include <string>
#include <vector>

#include "cpi/contract/cpi.hpp"
#include "cpi/vsphere/config.hpp"

namespace slipway::cpi::vsphere {

struct NicWish {
  std::string network;    // the request's name for it
  std::string portgroup;  // vSphere's
};

// What one VM shall be, read from a create_vm request and the CPI's defaults.
struct VmWish {
  std::vector<DatacenterConfig> datacenters;  // where it may go
  std::vector<std::string> datastores;
  std::int64_t cpu = 1;
  std::int64_t ram_mib = 1024;
  std::int64_t ephemeral_disk_mib = 0;
  bool cpu_hot_add = false;
  bool memory_hot_add = false;
  bool nested_virtualization = false;
  bool reserve_all_memory = false;
  bool upgrade_hardware = false;
  Json vmx_options = Json::object();
  std::string anti_affinity_rule;    // empty: none
  std::vector<NicWish> nics;         // one for each network that is no vip, by name
  std::vector<std::string> ignored;  // cloud properties this CPI does not know
};

// Throws VMCreationFailed that lists every problem of the cloud properties and networks.
VmWish read_wish(const CreateVm& request, const VsphereConfig& config);

// `networks` as asked, each with the mac of its card; `macs` in the order of wish.nics.
Json networks_with_macs(const CreateVm& request, const VmWish& wish, const std::vector<std::string>& macs);

// The agent's settings. `ephemeral_disk` is its hint, null without one. Source: contracts/agent-cpi.md
// section 1.
Json agent_settings(const CreateVm& request, const VmCid& vm, const Json& networks,
                    const Json& ephemeral_disk, const VsphereConfig& config);

// An ISO 9660 image with one file `env`, which the agent looks for on the CD-ROM.
std::string env_iso(const std::string& env);

}  // namespace slipway::cpi::vsphere
