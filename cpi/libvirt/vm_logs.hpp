#pragma once

#include <cstdint>
#include <string>

#include "cpi/libvirt/vms.hpp"

namespace slipway::cpi {

// What a node has written to logs, read from its host, as Cpi::get_vm_logs has it. LXC: what init said, /var/log, the
// agent's and the jobs' logs as they lie in the VM's folder, and of a node that still runs its journal, which is in its
// memory. QEMU: the console. Everything below the VM's folder is the node's doing: no link is followed, nothing but
// plain files is opened.
std::string logs_of(const VmCid& vm, const FoundVm& found, std::int64_t max_bytes);

}  // namespace slipway::cpi
