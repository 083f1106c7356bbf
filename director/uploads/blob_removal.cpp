#include "director/uploads/blob_removal.hpp"

#include <algorithm>

namespace slipway::director {

namespace {

constexpr const char* step_kind = "remove_blobs";

Json named(const std::vector<BlobId>& blobs) {
  Json names = Json::array();
  for (const auto& blob : blobs) {
    if (!blob.empty()) names.push_back(blob.value);
  }
  return {{"blobs", names}};
}

}  // namespace

BlobRemoval::BlobRemoval(ArtifactServices& services, TaskContext& task, const std::string& of,
                         const std::vector<BlobId>& blobs)
    : BlobRemoval(services, task,
                  services.stores.journal.begin(task.task().id, step_kind, of, named(blobs), services.clock.now())) {}

void BlobRemoval::finish(bool force) {
  if (step_.outcome) return;
  for (const auto& name : step_.intent.at("blobs")) {
    const BlobId blob{name.get<std::string>()};
    if (services_.stores.releases.blob_in_use(blob)) continue;
    try {
      services_.blobs.remove(blob);
    } catch (const Error& error) {
      if (!force) throw;
      task_.debug("going on because of force: " + std::string(error.what()));
    }
  }
  services_.stores.journal.finish(step_.id, Json::object(), services_.clock.now());
}

void BlobRemoval::finish_begun(ArtifactServices& services, TaskContext& task,
                               const std::vector<std::string>& still_to_go, bool force) {
  for (auto& step : services.stores.journal.unfinished(task.task().id)) {
    const bool waits = std::find(still_to_go.begin(), still_to_go.end(), step.key) != still_to_go.end();
    if (step.kind == step_kind && !waits) BlobRemoval(services, task, std::move(step)).finish(force);
  }
}

std::vector<BlobId> blobs_of(Stores& stores, const ReleaseRecord& release) {
  std::vector<BlobId> blobs;
  for (const auto& job : release.jobs) blobs.push_back(job.blob);
  for (const auto& package : release.packages) {
    blobs.push_back(package.blob);
    for (const auto& compiled : stores.releases.compiled_of(package.id)) blobs.push_back(compiled.blob);
  }
  return blobs;
}

}  // namespace slipway::director
