#pragma once

#include <string>

#include "base/json.hpp"
#include "base/log.hpp"
#include "cpi/contract/cpi.hpp"
#include "cpi/libvirt/config.hpp"
#include "cpi/libvirt/domain.hpp"

namespace slipway::cpi {

// Which hosts are there just now. One that does not answer may still run its VMs, so nothing is taken for ended that it
// had, until its fence device says that the host is off. That is written down in the host's storage, with the VMs that
// were deleted since: their definitions are removed when the host is back.
class Hosts {
 public:
  Hosts(const LibvirtConfig& config, Connections& connections, const Log& log)
      : config_(config), connections_(connections), log_(log) {}

  bool answers(const LibvirtHost& host);
  // Proved to be off, and not back since.
  bool is_off(const LibvirtHost& host);
  // Waits for an answer, for config.fence_after_s; without one the host is switched off. Then is_off() says which of the
  // two it was. CpiError when the host has no fence device, or that does not do it: what the host runs is not known.
  void require_answer_or_end(const LibvirtHost& host);
  // A VM is deleted while its host is off.
  void remember_deleted(const LibvirtHost& host, const VmCid& vm);

 private:
  void switch_off(const LibvirtHost& host);
  void welcome_back(const LibvirtHost& host);
  const LibvirtConfig& config_;
  Connections& connections_;
  const Log& log_;
};

}  // namespace slipway::cpi
