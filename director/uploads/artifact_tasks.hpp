#pragma once

#include <filesystem>
#include <string>

#include "director/executor/services.hpp"
#include "director/tasks/task_queue.hpp"

namespace slipway::director {

// What the tasks about stemcells and releases work with. All outlive the queue.
struct ArtifactServices {
  // The same, but for the stores.
  ArtifactServices with(Stores& others) const {
    return {clock, random, others, locks, blobs, cpis, work_folder};
  }

  Clock& clock;
  Random& random;
  Stores& stores;
  Locks& locks;
  Blobstore& blobs;
  Cpis& cpis;
  std::filesystem::path work_folder;  // where tarballs are downloaded to and unpacked
};

// update_stemcell {path | location, sha1, fix | refused, refused_code}, update_release {path | location,
// sha1, fix, rebase}, delete_stemcell {name, version, force}, delete_release {name, version, force}. Each may be called again after a
// restart: what it stored or created before is found through the journal.
void register_artifact_tasks(TaskQueue& queue, ArtifactServices& services);

std::string update_stemcell(ArtifactServices& services, TaskContext& task);
std::string update_release(ArtifactServices& services, TaskContext& task);
std::string delete_stemcell(ArtifactServices& services, TaskContext& task);
std::string delete_release(ArtifactServices& services, TaskContext& task);

// Whether some CPI of now has not been offered the stemcell yet.
bool stemcell_needed(Stores& stores, const Cpis& cpis, const std::string& name, const std::string& version);

// The steps of the two delete tasks. Fault::conflict while a deployment uses it; with `force` what
// cloud or blobstore refuse is noted and passed over. The caller holds the lock.
void remove_release_version(ArtifactServices& services, TaskContext& task, const ReleaseRecord& release, bool force);
void remove_stemcell(ArtifactServices& services, TaskContext& task, const StemcellRecord& stemcell, bool force);

}  // namespace slipway::director
