#pragma once

#include <string>
#include <vector>

#include "cpi/contract/cpi.hpp"
#include "cpi/libvirt/config.hpp"
#include "cpi/libvirt/domain_xml.hpp"

namespace slipway::cpi {

// What one VM shall be, read from a create_vm request and the CPI's defaults.
struct VmWish {
  std::string host;                // from cloud_properties.host; empty: any
  std::string az;                  // from cloud_properties.az; empty: any
  std::int64_t cpu = 1;
  std::int64_t ram_mib = 1024;
  std::int64_t ephemeral_disk_mib = 0;
  std::vector<DomainNic> nics;     // one for each network that is no vip
  Json networks = Json::object();  // as asked, with `mac`
};

// Throws VMCreationFailed that lists every problem of the cloud properties and networks.
VmWish read_wish(const CreateVm& request, const LibvirtConfig& config);

// The agent's settings. Source: contracts/agent-cpi.md section 1.
Json agent_settings(const CreateVm& request, const VmCid& vm, const VmWish& wish, VirtMode mode,
                    const LibvirtConfig& config);

}  // namespace slipway::cpi
