#pragma once

#include <string>

#include "cpi/contract/cpi.hpp"
#include "cpi/libvirt/config.hpp"
#include "cpi/libvirt/paths.hpp"

namespace slipway::cpi {

// Stemcells in the hosts' storage folders: unpacked once for each folder, however many hosts
// share it and however often, or at the same time, it is asked for. A crash leaves an
// ".incoming" folder that the next try removes.
class StemcellStore {
 public:
  explicit StemcellStore(const LibvirtConfig& config) : config_(config) {}

  // `image` is a tar that holds rootfs.tar, vmlinuz and perhaps initrd.img. The cid is made
  // of its digest. Throws cloud_error for an image that is none, no_disk_space.
  StemcellCid create(const std::string& image, const Json& tags);
  // Throws cloud_error while a VM uses it; an unknown cid is success.
  void remove(const StemcellCid& stemcell);
  bool exists_on(const LibvirtHost& host, const StemcellCid& stemcell) const;

 private:
  struct Parts {
    bool rootfs = false;  // some host runs LXC
    bool image = false;   // some host runs QEMU
  };
  Parts parts_for(const std::filesystem::path& storage) const;
  void store(const StoragePaths& paths, const StemcellCid& cid, const std::string& image, const Json& record,
             const Parts& parts) const;
  const LibvirtConfig& config_;
};

}  // namespace slipway::cpi
