#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace slipway::cpi {

enum class VirtMode { lxc, qemu };

// One machine that runs nodes.
struct LibvirtHost {
  std::string name;
  std::string az;                 // empty: in none
  std::string uri;                // lxc:///system, qemu:///system, qemu+ssh://…
  VirtMode mode = VirtMode::lxc;
  // Where stemcells, VMs and disks of this host lie. The CPI reads and writes it as local
  // files, so for a remote host it is a file system that both have at the same path.
  std::filesystem::path storage;
  // Switches the host off when it does not answer: a program of the FenceAgentAPI, such as those of Debian's package
  // fence-agents, and a file with its options, a line each. Empty: nobody may, and VMs of a lost host wait for it.
  std::string fence_program, fence_options_file;
};

struct LibvirtConfig {
  std::vector<LibvirtHost> hosts;  // at least one; names differ
  // What every agent is told; the director's env overrides it.
  std::string agent_mbus;
  Json agent_blobstore = Json::object();
  std::vector<std::string> agent_ntp;
  // For VMs whose cloud properties do not say.
  std::int64_t default_cpu = 1;
  std::int64_t default_ram_mib = 1024;
  std::int64_t default_ephemeral_disk_mib = 4096;
  std::string default_bridge;      // empty: each network must name one
  std::int64_t root_disk_mib = 4096;  // of a QEMU node; fixed when the stemcell is stored
  // How long a guest may take to let go of a disk, in seconds.
  std::int64_t detach_timeout_s = 90;
  // How long a host is silent, when a VM of it is to be deleted, before it is fenced.
  std::int64_t fence_after_s = 30;

  const LibvirtHost* find_host(const std::string& name) const;
};

// Reads the CPI's YAML or JSON file. Throws Fault::invalid that lists every problem.
LibvirtConfig load_libvirt_config(const std::string& file);
LibvirtConfig read_libvirt_config(Json value, const std::string& source);

// The keys, defaults and meanings as a Markdown table.
std::string libvirt_config_reference();

}  // namespace slipway::cpi
