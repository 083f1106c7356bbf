#include <fstream>

#include "base/file.hpp"
#include "director/uploads/artifact_tasks.hpp"
#include "director/uploads/source.hpp"
#include "releases/format/tarball.hpp"
#include "releases/format/version.hpp"

namespace slipway::director {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr int release_not_found = 30005;
constexpr int version_not_found = 30006;
constexpr int package_differs = 30012;
constexpr int job_differs = 30013;
constexpr int commit_differs = 30014;

bool truth(const Json& arguments, const char* key) {
  const auto found = arguments.find(key);
  return found != arguments.end() && *found == true;
}

class FileReader final : public http::BodyReader {
 public:
  explicit FileReader(const fs::path& path) : file_(path, std::ios::binary), size_(fs::file_size(path)) {}
  std::size_t read(std::span<char> out) override {
    file_.read(out.data(), static_cast<std::streamsize>(out.size()));
    if (file_.bad()) throw Error(Fault::internal, "reading an unpacked release failed");
    return static_cast<std::size_t>(file_.gcount());
  }
  std::optional<std::uint64_t> length() const override { return size_; }

 private:
  std::ifstream file_;
  std::uint64_t size_;
};

// Takes one release in. The id of each blob is in the journal before the blob is stored:
// after a restart it is stored under the same id, after a failure it is removed.
class ReleaseUpload {
 public:
  ReleaseUpload(ArtifactServices& services, TaskContext& task)
      : services_(services),
        task_(task),
        fix_(truth(task.task().arguments, "fix")),
        rebase_(truth(task.task().arguments, "rebase")) {}

  std::string run() {
    const TempDir folder("release", services_.work_folder);
    TaskContext::Stage stage(task_, "Extracting release", 1);
    const auto tarball = fetch_source(task_, folder.path(), stage, "release");
    stage.run("Extracting release", [&](auto&) { read(tarball, folder.path() / "parts"); });
    task_.checkpoint();
    lock_ = services_.locks.acquire("lock:release:" + content_.manifest.name, task_.task().id, 5min);
    try {
      TaskContext::Stage verify(task_, "Verifying manifest", 1);
      verify.run("Verifying manifest", [&](auto&) { compare_with_known(); });
      if (!known_)
        create();
      else if (fix_)
        replace();
      else
        complete();
    } catch (...) {
      remove_unused_blobs();
      throw;
    }
    const auto name = content_.manifest.name + "/" + content_.manifest.version;
    TaskContext::Stage done(task_, "Release has been created", 1);
    done.run(name, [](auto&) {});
    return "Created release '" + name + "'";
  }

 private:
  void read(const fs::path& tarball, const fs::path& folder) {
    fs::create_directory(folder);
    releases::ReadReleaseOptions options;
    options.has_package = [&](const releases::ReleasePackage& package) { return blob_of(package).has_value(); };
    options.has_job = [](const releases::ReleaseJob&) { return false; };
    read_upload("release", tarball, [&] { content_ = releases::read_release(tarball, folder, options); });
  }

  // A blob of the same source, whatever release brought it.
  std::optional<PackageRecord> blob_of(const releases::ReleasePackage& package) const {
    for (auto& known : services_.stores.releases.packages_with_fingerprints({package.fingerprint}))
      if (!known.blob.empty() && services_.blobs.exists(known.blob)) return known;
    return std::nullopt;
  }

  void compare_with_known() {
    auto& manifest = content_.manifest;
    known_ = services_.stores.releases.find(manifest.name, manifest.version);
    if (!known_) return;
    if (rebase_) {
      rebase();
      return;
    }
    const auto name = "Release '" + manifest.name + "/" + manifest.version + "'";
    if (known_->commit_hash != manifest.commit_hash || known_->uncommitted_changes != manifest.uncommitted_changes)
      throw Error(Fault::conflict,
                  name + " already exists with commit hash '" + known_->commit_hash + "', the uploaded one has '" +
                      manifest.commit_hash + "'",
                  commit_differs);
    for (const auto& package : manifest.packages)
      refuse_other(name + " package", package, known_->packages, package_differs);
    for (const auto& job : manifest.jobs) refuse_other(name + " job", job, known_->jobs, job_differs);
  }

  template <class Part, class Known>
  static void refuse_other(const std::string& what, const Part& part, const std::vector<Known>& known, int code) {
    for (const auto& one : known) {
      if (one.name != part.name) continue;
      if (one.fingerprint == part.fingerprint) return;
      throw Error(Fault::conflict,
                  what + " '" + part.name + "' has fingerprint '" + one.fingerprint + "', the uploaded one has '" +
                      part.fingerprint + "'",
                  code);
    }
    throw Error(Fault::conflict, what + " '" + part.name + "' is not in the release that exists", code);
  }

  // The next version after all that exist: 1.0 becomes 1.0+dev.N.
  void rebase() {
    auto& version = content_.manifest.version;
    auto base = version.substr(0, version.find("+dev."));
    for (int n = 1;; ++n) {
      version = base + "+dev." + std::to_string(n);
      if (!services_.stores.releases.find(content_.manifest.name, version)) break;
    }
    known_.reset();
  }

  BlobId store(const std::string& kind, const std::string& name, const fs::path& file) {
    auto& journal = services_.stores.journal;
    const auto step = journal.begin(task_.task().id, "store_blob", kind + "/" + name,
                                    {{"blob", services_.random.uuid()}}, services_.clock.now());
    const BlobId id{step.intent.at("blob").get<std::string>()};
    stored_.push_back(id);
    if (step.outcome && services_.blobs.exists(id)) return id;
    FileReader reader(file);
    services_.blobs.put(reader, id);
    journal.finish(step.id, Json::object(), services_.clock.now());
    return id;
  }

  // Rows that exist are shared; with `fresh` everything that came along is stored anew.
  ReleaseRecord record(bool fresh) {
    const auto& manifest = content_.manifest;
    ReleaseRecord release;
    release.name = manifest.name;
    release.version = manifest.version;
    release.commit_hash = manifest.commit_hash;
    release.uncommitted_changes = manifest.uncommitted_changes;
    TaskContext::Stage packages(task_, "Creating packages", static_cast<int>(manifest.packages.size()));
    for (const auto& package : manifest.packages) {
      task_.checkpoint();
      packages.run(package.name + "/" + package.fingerprint,
                   [&](auto&) { release.packages.push_back(package_record(package, fresh)); });
    }
    TaskContext::Stage jobs(task_, "Creating jobs", static_cast<int>(manifest.jobs.size()));
    for (const auto& job : manifest.jobs) {
      task_.checkpoint();
      jobs.run(job.name + "/" + job.fingerprint, [&](auto&) { release.jobs.push_back(job_record(job, fresh)); });
    }
    return release;
  }

  PackageRecord package_record(const releases::ReleasePackage& package, bool fresh) {
    PackageRecord record;
    record.name = package.name;
    record.version = package.version;
    record.fingerprint = package.fingerprint;
    record.dependencies = package.dependencies;
    record.sha1 = package.sha1;
    if (content_.manifest.compiled) {
      record.sha1.clear();
      return record;
    }
    const auto file = content_.package_files.find(package.name);
    const auto known = blob_of(package);
    if (known && (!fresh || file == content_.package_files.end())) {
      record.blob = known->blob;
      record.sha1 = known->sha1;
    } else {
      record.blob = store("package", package.name, file->second);
    }
    return record;
  }

  JobRecord job_record(const releases::ReleaseJob& job, bool fresh) {
    JobRecord record;
    const auto known = services_.stores.releases.find_job(content_.manifest.name, job.name, job.fingerprint);
    if (known && !fresh && services_.blobs.exists(known->blob)) return *known;
    record.name = job.name;
    record.version = job.version;
    record.fingerprint = job.fingerprint;
    record.sha1 = job.sha1;
    record.spec = content_.jobs.at(job.name).spec;
    record.blob = store("job", job.name, content_.job_files.at(job.name));
    return record;
  }

  void create() {
    const auto release = record(false);
    services_.stores.releases.insert(release, services_.clock.now());
    // The shared rows may point to blobs that are lost; what was stored just now is there.
    repair(release);
    store_compiled();
    remove_unused_blobs();
  }

  void complete() {
    repair(record(false));
    store_compiled();
    remove_unused_blobs();
  }

  // Rows whose blob is gone get the one that came with this upload.
  void repair(const ReleaseRecord& uploaded) {
    const auto stored = services_.stores.releases.find(uploaded.name, uploaded.version);
    if (!stored) return;
    ReleaseRecord broken = uploaded;
    broken.jobs.clear();
    broken.packages.clear();
    for (const auto& job : stored->jobs)
      if (!services_.blobs.exists(job.blob))
        for (const auto& fresh : uploaded.jobs)
          if (fresh.name == job.name) broken.jobs.push_back(fresh);
    for (const auto& package : stored->packages)
      if (!package.blob.empty() && !services_.blobs.exists(package.blob))
        for (const auto& fresh : uploaded.packages)
          if (fresh.name == package.name) broken.packages.push_back(fresh);
    if (!broken.jobs.empty() || !broken.packages.empty()) services_.stores.releases.replace_blobs(broken);
  }

  void replace() {
    auto& releases = services_.stores.releases;
    std::vector<BlobId> old;
    for (const auto& job : known_->jobs) old.push_back(job.blob);
    for (const auto& package : known_->packages) {
      if (!package.blob.empty()) old.push_back(package.blob);
      for (const auto& compiled : releases.compiled_of(package.id)) old.push_back(compiled.blob);
    }
    releases.replace_blobs(record(true));
    store_compiled();
    stored_.insert(stored_.end(), old.begin(), old.end());
    remove_unused_blobs();
  }

  void store_compiled() {
    if (!content_.manifest.compiled) return;
    auto& releases = services_.stores.releases;
    const auto release = releases.find(content_.manifest.name, content_.manifest.version).value();
    for (const auto& package : content_.manifest.packages) {
      const auto slash = package.stemcell.find('/');
      const auto row = releases.find_package(release.name, package.name, package.fingerprint).value();
      CompiledPackageRecord compiled;
      compiled.package_id = row.id;
      compiled.stemcell_os = package.stemcell.substr(0, slash);
      compiled.stemcell_version = slash == std::string::npos ? "" : package.stemcell.substr(slash + 1);
      compiled.dependency_key = dependency_key(package).dump();
      compiled.sha1 = package.sha1;
      if (releases.find_compiled(row.id, compiled.stemcell_os, compiled.stemcell_version, compiled.dependency_key))
        continue;
      compiled.blob = store("compiled", package.name, content_.package_files.at(package.name));
      releases.insert_compiled(compiled);
    }
  }

  // [[name, version, [the same of its dependencies]?], …] sorted by name, as the compiler writes it.
  Json dependency_key(const releases::ReleasePackage& package) const {
    std::map<std::string, Json> sorted;
    for (const auto& name : package.dependencies)
      for (const auto& other : content_.manifest.packages) {
        if (other.name != name) continue;
        Json entry = Json::array({other.name, other.version});
        if (auto deeper = dependency_key(other); !deeper.empty()) entry.push_back(std::move(deeper));
        sorted[name] = std::move(entry);
      }
    Json key = Json::array();
    for (auto& [name, entry] : sorted) key.push_back(std::move(entry));
    return key;
  }

  // Also those of a run before a restart.
  void remove_unused_blobs() {
    for (const auto& step : services_.stores.journal.of_task(task_.task().id))
      if (step.kind == "store_blob") stored_.push_back(BlobId{step.intent.at("blob").get<std::string>()});
    for (const auto& blob : stored_)
      if (!services_.stores.releases.blob_in_use(blob)) services_.blobs.remove(blob);
    stored_.clear();
  }

  ArtifactServices& services_;
  TaskContext& task_;
  const bool fix_, rebase_;
  releases::ReleaseContent content_;
  std::unique_ptr<Locks::Held> lock_;
  std::optional<ReleaseRecord> known_;
  std::vector<BlobId> stored_;
};

}  // namespace

std::string update_release(ArtifactServices& services, TaskContext& task) {
  return ReleaseUpload(services, task).run();
}

std::string delete_release(ArtifactServices& services, TaskContext& task) {
  const auto& arguments = task.task().arguments;
  const auto name = arguments.at("name").get<std::string>();
  const auto version = arguments.value("version", "");
  const auto lock = services.locks.acquire("lock:release:" + name, task.task().id, 10s);
  std::vector<ReleaseRecord> releases;
  for (auto& release : services.stores.releases.versions())
    if (release.name == name && (version.empty() || release.version == version))
      releases.push_back(std::move(release));
  const bool resumed = !services.stores.journal.of_task(task.task().id).empty();
  if (releases.empty() && !resumed) {
    if (version.empty()) throw Error(Fault::not_found, "Release '" + name + "' doesn't exist", release_not_found);
    throw Error(Fault::not_found, "Release version '" + name + "/" + version + "' doesn't exist", version_not_found);
  }
  TaskContext::Stage stage(task, "Deleting release versions", static_cast<int>(releases.size()));
  for (const auto& release : releases) {
    task.checkpoint();
    stage.run(release.name + "/" + release.version, [&](auto&) {
      const auto step = services.stores.journal.begin(task.task().id, "delete_release", release.version, {},
                                                      services.clock.now());
      for (const auto& blob : with_context("Release '" + release.name + "/" + release.version + "'",
                                           [&] { return services.stores.releases.remove(release.id); }))
        services.blobs.remove(blob);
      services.stores.journal.finish(step.id, Json::object(), services.clock.now());
    });
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
