#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"
#include "director/uploads/artifact_tasks.hpp"
#include "director/uploads/blob_removal.hpp"
#include "director/uploads/release_upload.hpp"
#include "director/uploads/source.hpp"

namespace slipway::director {

using namespace std::chrono_literals;

std::string update_release(ArtifactServices& services, TaskContext& task) {
  return ReleaseUpload(services, task).run();
}

namespace {

std::string full_name(const ReleaseRecord& release) { return release.name + "/" + release.version; }

}  // namespace

void remove_release_version(ArtifactServices& services, TaskContext& task, const ReleaseRecord& release, bool force) {
  auto& releases = services.stores.releases;
  const auto name = full_name(release);
  const auto whole = releases.find(release.id);
  BlobRemoval blobs(services, task, name, whole ? blobs_of(services.stores, *whole) : std::vector<BlobId>{});
  with_context("Release '" + name + "'", [&] { releases.remove(release.id); });
  blobs.finish(force);
}

std::string delete_release(ArtifactServices& services, TaskContext& task) {
  const auto& arguments = task.task().arguments;
  const auto name = arguments.at("name").get<std::string>();
  const auto version = arguments.value("version", "");
  const bool force = arguments.value("force", false);
  const auto lock = services.locks.acquire("lock:release:" + name, task.task().id, 10s);
  std::vector<ReleaseRecord> releases;
  for (auto& release : services.stores.releases.versions())
    if (release.name == name && (version.empty() || release.version == version))
      releases.push_back(std::move(release));
  const bool resumed = !services.stores.journal.of_task(task.task().id).empty();
  if (releases.empty() && !resumed) {
    if (version.empty()) throw Error(Fault::not_found, "Release '" + name + "' doesn't exist", code::release_not_found);
    throw Error(Fault::not_found, "Release version '" + name + "/" + version + "' doesn't exist",
                code::release_version_not_found);
  }
  std::vector<std::string> names;
  for (const auto& release : releases) names.push_back(full_name(release));
  BlobRemoval::finish_begun(services, task, names, force);
  // Nothing goes when something cannot.
  for (const auto& release : releases) {
    if (const auto users = services.stores.releases.deployments_using(release.id); !users.empty())
      throw Error(Fault::conflict,
                  "Release '" + release.name + "/" + release.version + "' is still in use by: " + quoted_list(users),
                  code::release_in_use);
  }
  TaskContext::Stage stage(task, "Deleting release versions", static_cast<int>(releases.size()));
  for (const auto& release : releases) {
    task.checkpoint();
    stage.run(full_name(release), [&](auto&) { remove_release_version(services, task, release, force); });
  }
  return version.empty() ? "/release/" + name : "/release/" + name + "/" + version;
}

namespace {

// An upload's file goes before the task's end is stored: what was finished by then is not
// begun again after a restart.
std::string once(ArtifactServices& services, TaskContext& task,
                 std::string (*body)(ArtifactServices&, TaskContext&)) {
  auto& journal = services.stores.journal;
  const UploadedFile file(task);
  for (const auto& step : journal.of_task(task.task().id))
    if (step.kind == "result" && step.outcome) return step.outcome->get<std::string>();
  const auto step = journal.begin(task.task().id, "result", "", {}, services.clock.now());
  auto result = body(services, task);
  journal.finish(step.id, result, services.clock.now());
  return result;
}

}  // namespace

void register_artifact_tasks(TaskQueue& queue, ArtifactServices& services) {
  std::filesystem::create_directories(services.work_folder);
  const auto add = held_types(queue, services);
  add("update_stemcell", [](auto& own, TaskContext& task) { return once(own, task, update_stemcell); });
  add("update_release", [](auto& own, TaskContext& task) { return once(own, task, update_release); });
  add("delete_stemcell", delete_stemcell);
  add("delete_release", delete_release);
}

}  // namespace slipway::director
