#pragma once

#include <string>
#include <vector>

#include "director/executor/services.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

struct ExportRequest {
  std::string deployment, release, version, stemcell_os, stemcell_version;
  bool sha256 = false;            // the digest told is SHA-256 instead of SHA-1
  std::vector<std::string> jobs;  // only these and what they need; empty: all
};

// Compiles what is missing of a release that the deployment uses and stores it as a compiled release:
// the same packages give the same bytes. Writes {blobstore_id, sha1} as the task's output. The blob
// stays until the next clean-up.
std::string export_release(Services& services, TaskContext& task, const ExportRequest& request);

}  // namespace slipway::director
