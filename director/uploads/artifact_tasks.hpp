#pragma once

#include <filesystem>
#include <string>

#include "director/executor/services.hpp"
#include "director/tasks/task_queue.hpp"

namespace slipway::director {

// What the tasks about stemcells and releases work with. All outlive the queue.
struct ArtifactServices {
  Clock& clock;
  Random& random;
  Stores& stores;
  Locks& locks;
  Blobstore& blobs;
  Cpis& cpis;
  std::filesystem::path work_folder;  // where tarballs are downloaded to and unpacked
};

// update_stemcell, update_release {path | location, sha1, fix, rebase}, delete_stemcell
// {name, version, force}, delete_release {name, version, force}. Each may be called again after a
// restart: what it stored or created before is found through the journal.
void register_artifact_tasks(TaskQueue& queue, ArtifactServices& services);

std::string update_stemcell(ArtifactServices& services, TaskContext& task);
std::string update_release(ArtifactServices& services, TaskContext& task);
std::string delete_stemcell(ArtifactServices& services, TaskContext& task);
std::string delete_release(ArtifactServices& services, TaskContext& task);

}  // namespace slipway::director
