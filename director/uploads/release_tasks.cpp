#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"
#include "director/uploads/artifact_tasks.hpp"
#include "director/uploads/release_upload.hpp"
#include "director/uploads/source.hpp"

namespace slipway::director {

using namespace std::chrono_literals;

std::string update_release(ArtifactServices& services, TaskContext& task) {
  return ReleaseUpload(services, task).run();
}

void remove_release_version(ArtifactServices& services, TaskContext& task, const ReleaseRecord& release, bool force) {
  const auto name = release.name + "/" + release.version;
  auto& journal = services.stores.journal;
  const auto step = journal.begin(task.task().id, "delete_release", name, {}, services.clock.now());
  for (const auto& blob :
       with_context("Release '" + name + "'", [&] { return services.stores.releases.remove(release.id); })) {
    try {
      services.blobs.remove(blob);
    } catch (const Error& error) {
      if (!force) throw;
      task.debug("going on because of force: " + std::string(error.what()));
    }
  }
  journal.finish(step.id, Json::object(), services.clock.now());
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
    stage.run(release.name + "/" + release.version,
              [&](auto&) { remove_release_version(services, task, release, force); });
  }
  return version.empty() ? "/release/" + name : "/release/" + name + "/" + version;
}

namespace {

// An upload's file goes before the task's end is stored: what was finished by then is not
// begun again after a restart.
std::string once(ArtifactServices& services, TaskContext& task,
                 std::string (*body)(ArtifactServices&, TaskContext&)) {
  auto& journal = services.stores.journal;
  for (const auto& step : journal.of_task(task.task().id))
    if (step.kind == "result" && step.outcome) return step.outcome->get<std::string>();
  const auto step = journal.begin(task.task().id, "result", "", {}, services.clock.now());
  const UploadedFile file(task);
  auto result = body(services, task);
  journal.finish(step.id, result, services.clock.now());
  return result;
}

}  // namespace

void register_artifact_tasks(TaskQueue& queue, ArtifactServices& services) {
  std::filesystem::create_directories(services.work_folder);
  queue.register_type("update_stemcell",
                      [&](TaskContext& task) { return once(services, task, update_stemcell); });
  queue.register_type("update_release", [&](TaskContext& task) { return once(services, task, update_release); });
  queue.register_type("delete_stemcell", [&](TaskContext& task) { return delete_stemcell(services, task); });
  queue.register_type("delete_release", [&](TaskContext& task) { return delete_release(services, task); });
}

}  // namespace slipway::director
