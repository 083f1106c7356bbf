#pragma once

#include <string>

#include "director/executor/services.hpp"
#include "director/tasks/task_context.hpp"
#include "director/templates/rendered.hpp"

namespace slipway::director {

// What was rendered for a task's instances, as blobs. The journal names each blob before it is
// stored and the one it takes the place of, so that none stays that no instance runs with, whenever
// the task is interrupted.
class RenderedArchives {
 public:
  RenderedArchives(Services& services, TaskContext& task) : services_(services), task_(task) {}

  // Stores what was rendered for one instance and returns {blobstore_id, sha1} for its apply spec.
  // What the instance already runs with is not stored again.
  Json store(const InstanceId& instance, const RenderedInstance& rendered, const Json& current_spec);

  // At the task's end: only what the instances' rows name is left.
  void remove_unused();

  // The blob an apply spec names, or nothing.
  static BlobId of(const Json& spec);

 private:
  Services& services_;
  TaskContext& task_;
};

}  // namespace slipway::director
