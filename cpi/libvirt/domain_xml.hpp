#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cpi/contract/cpi.hpp"
#include "cpi/libvirt/config.hpp"

// Domain descriptions in libvirt's XML: pure functions.
namespace slipway::cpi {

struct DomainNic {
  std::string mac;
  std::string bridge;
};

struct DomainSpec {
  VmCid vm;
  AgentId agent;
  std::int64_t cpu = 1;
  std::int64_t ram_mib = 1024;
  std::vector<DomainNic> nics;
  std::filesystem::path stemcell;       // its folder
  std::filesystem::path folder;         // the VM's
  bool has_initrd = false;
  bool has_ephemeral_disk = false;      // QEMU
  bool accelerated = false;             // QEMU: KVM can be used
};

std::string lxc_domain_xml(const DomainSpec& spec);
std::string qemu_domain_xml(const DomainSpec& spec);

// A persistent disk in a domain. Its cid is its serial number, so it must not be longer
// than 20 characters: virtio cuts there.
struct DomainDisk {
  std::string serial;  // empty: not a persistent disk
  std::string source;  // file, or block device
  std::string target;  // sda, vdd
};
std::string disk_xml(VirtMode mode, const DomainDisk& disk);
std::vector<DomainDisk> disks_in(const std::string& domain_xml);
// The first free name of the mode's kind: sda… for LXC, vdd… for QEMU.
std::string free_target(VirtMode mode, const std::vector<DomainDisk>& taken);
// What the agent is told.
Json disk_hint(VirtMode mode, const DomainDisk& disk);

// Serial numbers of a QEMU node's own disks.
inline constexpr const char* ephemeral_serial = "slipway-ephemeral";

std::string escape_xml(std::string_view text);

// Made from the agent id alone, so that a repeated create_vm makes the same machine.
std::string uuid_of(const AgentId& agent);
std::string mac_of(const AgentId& agent, const std::string& network);

}  // namespace slipway::cpi
