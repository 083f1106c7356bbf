#include "director/cleanup/cleanup_task.hpp"

#include <atomic>
#include <mutex>

#include "base/parallel.hpp"
#include "director/domain/error_codes.hpp"
#include "director/executor/instance_steps.hpp"
#include "director/uploads/blob_removal.hpp"

namespace slipway::director {

namespace {

using namespace std::chrono_literals;

class Cleanup {
 public:
  Cleanup(Services& services, ArtifactServices& artifacts, TaskContext& task, const CleanupOptions& options)
      : services_(services), artifacts_(artifacts), task_(task), found_(find_cleanable(services.stores, options)) {}

  std::string run() {
    BlobRemoval::finish_begun(artifacts_, task_, names_of_releases());
    delete_all("Deleting releases", "release(s)", found_.releases,
               [](const ReleaseRecord& release) { return release.name + "/" + release.version; },
               [&](const ReleaseRecord& release) { remove_release(release); });
    delete_all("Deleting stemcells", "stemcell(s)", found_.stemcells,
               [](const StemcellRecord& stemcell) { return stemcell.name + "/" + stemcell.version; },
               [&](const StemcellRecord& stemcell) { remove(stemcell); });
    delete_all("Deleting compiled packages", "extra compiled package(s)", found_.compiled_packages,
               [](const NamedCompiledPackage& one) {
                 return one.package + " for " + one.compiled.stemcell_os + "/" + one.compiled.stemcell_version;
               },
               [&](const NamedCompiledPackage& one) {
                 BlobRemoval blob(artifacts_, task_, "compiled " + std::to_string(one.compiled.id), {one.compiled.blob});
                 services_.stores.releases.remove_compiled(one.compiled.id);
                 blob.finish();
               });
    // Before the disks: one of them may still hang on such a VM.
    delete_all("Deleting orphaned vms", "orphaned vm(s)", found_.orphaned_vms,
               [](const OrphanedVmRecord& vm) { return vm.cid.value; },
               [&](const OrphanedVmRecord& vm) { VmSteps(services_, task_).remove(vm); });
    delete_all("Deleting orphaned disks", "orphaned disk(s)", found_.orphaned_disks,
               [](const DiskRecord& disk) { return disk.cid.value; },
               [&](const DiskRecord& disk) { remove(disk); });
    delete_all("Deleting exported releases", "exported release(s)", found_.exported_releases,
               [](const ExportedReleaseRecord& exported) { return exported.blob.value; },
               [&](const ExportedReleaseRecord& exported) {
                 services_.blobs.remove(exported.blob);
                 services_.stores.exported_releases.remove(exported.blob);
               });
    delete_all("Deleting dns blobs", "dns blob(s)", found_.dns_blobs,
               [](const BlobId& blob) { return blob.value; },
               [&](const BlobId& blob) {
                 BlobRemoval removal(artifacts_, task_, "names " + blob.value, {blob});
                 services_.stores.dns_versions.forget_blob(blob);
                 removal.finish();
               });
    problems_.throw_if_any("clean-up");
    return "Deleted " + summary_;
  }

 private:
  template <class Record, class Name, class Remove>
  void delete_all(const std::string& stage_name, const std::string& what, const std::vector<Record>& records,
                  Name name_of, Remove remove) {
    std::atomic<int> deleted{0};
    TaskContext::Stage stage(task_, stage_name, static_cast<int>(records.size()));
    parallel_for(records.size(), services_.settings.max_parallel, [&](std::size_t i) {
      task_.checkpoint();
      try {
        stage.run(name_of(records[i]), [&](auto&) { remove(records[i]); });
        ++deleted;
      } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        if (error.code() == code::release_in_use || error.code() == code::stemcell_in_use) return;  // since just now
        const std::lock_guard lock(mutex_);
        problems_.add(name_of(records[i]), error.what(), error.code());
      }
    });
    summary_ += (summary_.empty() ? "" : ", ") + std::to_string(deleted.load()) + " " + what;
  }

  std::vector<std::string> names_of_releases() const {
    std::vector<std::string> names;
    for (const auto& release : found_.releases) names.push_back(release.name + "/" + release.version);
    return names;
  }

  void remove_release(const ReleaseRecord& release) {
    const auto lock = services_.locks.acquire("lock:release:" + release.name, task_.task().id, 5min);
    remove_release_version(artifacts_, task_, release, false);
  }

  void remove(const StemcellRecord& stemcell) {
    const auto lock = services_.locks.acquire("lock:stemcell:" + stemcell.name + ":" + stemcell.version,
                                              task_.task().id, 5min);
    remove_stemcell(artifacts_, task_, stemcell, false);
  }

  // It may have been attached again since.
  void remove(const DiskRecord& disk) {
    const auto now = services_.stores.disks.find(disk.cid);
    if (now && now->state == DiskState::orphaned) InstanceSteps(services_, task_).delete_disk(*now);
  }

  Services& services_;
  ArtifactServices& artifacts_;
  TaskContext& task_;
  const Cleanable found_;
  std::mutex mutex_;
  Problems problems_;
  std::string summary_;
};

}  // namespace

std::string clean_up(Services& services, ArtifactServices& artifacts, TaskContext& task,
                     const CleanupOptions& options) {
  return Cleanup(services, artifacts, task, options).run();
}

void register_cleanup_task(TaskQueue& queue, Services& services, ArtifactServices& artifacts) {
  queue.register_type("cleanup_artifacts", held(services, [&artifacts](Services& own, TaskContext& task) {
    auto own_artifacts = artifacts.with(own.stores);
    const auto& arguments = task.task().arguments;
    return clean_up(own, own_artifacts, task,
                    {.remove_all = arguments.value("remove_all", false),
                     .keep_orphaned_disks = arguments.value("keep_orphaned_disks", false)});
  }));
}

}  // namespace slipway::director
