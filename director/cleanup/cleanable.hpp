#pragma once

#include <string>
#include <vector>

#include "director/executor/services.hpp"

namespace slipway::director {

struct CleanupOptions {
  bool remove_all = false;           // keep nothing that is not in use, instead of the two newest of each
  bool keep_orphaned_disks = false;
};

// What a clean-up with these options takes away, as the store is now. Nothing that a deployment uses:
// - unused releases and stemcells but the two newest versions of each name; all with `remove_all`
// - compiled packages whose stemcell's OS and major version is no longer here: with `remove_all`
// - orphaned disks: with `remove_all`, unless they are to be kept
// - VMs that failed and are held for somebody to look at: with `remove_all`, and by themselves when their time is over
// - other orphaned VMs and exported releases, always; the DNS blob: with `remove_all`, when there is no deployment left
// Source: BOSH's clean-up; contracts/director-api.md section 1.6.
struct Cleanable {
  std::vector<ReleaseRecord> releases;  // without jobs and packages
  std::vector<StemcellRecord> stemcells;
  std::vector<NamedCompiledPackage> compiled_packages;
  std::vector<DiskRecord> orphaned_disks;
  std::vector<OrphanedVmRecord> orphaned_vms;
  std::vector<ExportedReleaseRecord> exported_releases;
  std::vector<BlobId> dns_blobs;
};

Cleanable find_cleanable(Stores& stores, const CleanupOptions& options);

// As the client's dry run reads it.
Json to_json(const Cleanable& cleanable);

}  // namespace slipway::director
