#pragma once

#include <string>
#include <vector>

#include "director/uploads/artifact_tasks.hpp"

namespace slipway::director {

// The blobs of rows that go. Which they are is in the task's journal before the first row goes, so that
// whoever comes back after the director's death in between still knows them.
class BlobRemoval {
 public:
  // `of`: what goes, once a task.
  BlobRemoval(ArtifactServices& services, TaskContext& task, const std::string& of, const std::vector<BlobId>& blobs);
  // Removes those that no job, package or compiled package has any more. With `force` one that cannot be
  // removed is noted and passed over.
  void finish(bool force = false);

  // What an earlier start of this task began, except of what is in `still_to_go`: its rows are gone.
  static void finish_begun(ArtifactServices& services, TaskContext& task,
                           const std::vector<std::string>& still_to_go = {}, bool force = false);

 private:
  BlobRemoval(ArtifactServices& services, TaskContext& task, StepRecord step)
      : services_(services), task_(task), step_(std::move(step)) {}
  ArtifactServices& services_;
  TaskContext& task_;
  StepRecord step_;
};

// All that a release's jobs and packages are stored as, compiled ones included.
std::vector<BlobId> blobs_of(Stores& stores, const ReleaseRecord& release);

}  // namespace slipway::director
