#include "director/uploads/release_upload.hpp"

#include <algorithm>
#include <charconv>

#include "base/file.hpp"
#include "director/domain/dependency_key.hpp"
#include "director/domain/error_codes.hpp"
#include "director/uploads/blob_removal.hpp"
#include "director/uploads/source.hpp"

namespace slipway::director {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// What a compiled package was compiled for, as release.MF says; blob and digest are not known yet.
CompiledPackageRecord compiled_for(const releases::ReleaseManifest& manifest, const releases::ReleasePackage& package) {
  const auto slash = package.stemcell.find('/');
  CompiledPackageRecord compiled;
  compiled.stemcell_os = package.stemcell.substr(0, slash);
  if (slash != std::string::npos) compiled.stemcell_version = package.stemcell.substr(slash + 1);
  compiled.dependency_key = dependency_key(dependency_graph(manifest.packages), package.name);
  compiled.sha1 = package.sha1;
  return compiled;
}

template <class Part, class Known>
void refuse_other(const std::string& what, const Part& part, const std::vector<Known>& known, int code) {
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

// N of "1.0+dev.N" when that is a development version of `base`; 0 otherwise.
int development_number(const std::string& version, const std::string& base) {
  const auto prefix = base + "+dev.";
  int number = 0;
  if (version.starts_with(prefix))
    std::from_chars(version.data() + prefix.size(), version.data() + version.size(), number);
  return number;
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

ReleaseUpload::ReleaseUpload(ArtifactServices& services, TaskContext& task)
    : services_(services),
      task_(task),
      fix_(task.task().arguments.value("fix", false)),
      rebase_(task.task().arguments.value("rebase", false)) {}

std::string ReleaseUpload::run() {
  const TempDir folder("release", services_.work_folder);
  TaskContext::Stage stage(task_, "Extracting release", 1);
  const auto tarball = fetch_source(task_, folder.path(), stage, "release", code::release_digest_differs);
  stage.run("Extracting release", [&](auto&) { read(tarball, folder.path() / "parts"); });
  task_.checkpoint();
  lock_ = services_.locks.acquire("lock:release:" + content_.manifest.name, task_.task().id, 5min);
  try {
    TaskContext::Stage verify(task_, "Verifying manifest", 1);
    verify.run("Verifying manifest", [&](auto&) { compare_with_known(); });
    store();
  } catch (...) {
    remove_unused_blobs();
    throw;
  }
  remove_unused_blobs();
  const auto name = content_.manifest.name + "/" + content_.manifest.version;
  TaskContext::Stage done(
      task_, content_.manifest.compiled ? "Compiled Release has been created" : "Release has been created", 1);
  done.run(name, [](auto&) {});
  return "Created release '" + name + "'";
}

void ReleaseUpload::read(const fs::path& tarball, const fs::path& folder) {
  fs::create_directory(folder);
  releases::ReadReleaseOptions options;
  options.has_package = [&](const releases::ReleaseManifest& manifest, const releases::ReleasePackage& package) {
    return manifest.compiled ? compiled_of(manifest, package).has_value() : source_of(package).has_value();
  };
  options.has_job = [](const releases::ReleaseJob&) { return false; };
  read_upload("release", tarball, [&] { content_ = releases::read_release(tarball, folder, options); });
  releases::check_properties_schemas(content_);
}

std::optional<PackageRecord> ReleaseUpload::source_of(const releases::ReleasePackage& package) const {
  for (auto& known : services_.stores.releases.packages_with_fingerprints({package.fingerprint}))
    if (!known.blob.empty() && services_.blobs.exists(known.blob)) return known;
  return std::nullopt;
}

std::optional<CompiledPackageRecord> ReleaseUpload::compiled_of(const releases::ReleaseManifest& manifest,
                                                                const releases::ReleasePackage& package) const {
  auto known = services_.stores.releases.find_compiled_anywhere(package.name, package.fingerprint,
                                                                compiled_for(manifest, package));
  if (known && !services_.blobs.exists(known->blob)) known.reset();
  return known;
}

void ReleaseUpload::compare_with_known() {
  auto& manifest = content_.manifest;
  if (rebase_) rebase();
  known_ = services_.stores.releases.find(manifest.name, manifest.version);
  if (!known_ || rebase_) return;
  const auto name = "Release '" + manifest.name + "/" + manifest.version + "'";
  if (known_->commit_hash != manifest.commit_hash || known_->uncommitted_changes != manifest.uncommitted_changes)
    throw Error(Fault::conflict,
                name + " already exists with commit hash '" + known_->commit_hash + "', the uploaded one has '" +
                    manifest.commit_hash + "'",
                code::commit_differs);
  for (const auto& package : manifest.packages)
    refuse_other(name + " package", package, known_->packages, code::package_differs);
  for (const auto& job : manifest.jobs) refuse_other(name + " job", job, known_->jobs, code::job_differs);
}

// The next version after all that exist: 1.0 becomes 1.0+dev.N. Chosen once, also for a restart.
void ReleaseUpload::rebase() {
  auto& version = content_.manifest.version;
  const auto base = version.substr(0, version.find("+dev."));
  int highest = 0;
  for (const auto& known : services_.stores.releases.versions())
    if (known.name == content_.manifest.name) highest = std::max(highest, development_number(known.version, base));
  const auto step = services_.stores.journal.begin(task_.task().id, "rebase", "",
                                                   {{"version", base + "+dev." + std::to_string(highest + 1)}},
                                                   services_.clock.now());
  version = step.intent.at("version").get<std::string>();
}

void ReleaseUpload::store() {
  auto& releases = services_.stores.releases;
  const auto uploaded = record();
  const auto compiled = compiled_packages(uploaded);
  if (!known_) {
    releases.insert(uploaded, services_.clock.now(), compiled);
    // The shared rows may point to blobs that are lost; what was stored just now is there.
    known_ = releases.find(uploaded.name, uploaded.version);
  }
  const auto renewed = fix_ ? uploaded : broken_parts(uploaded);
  BlobRemoval replaced(services_, task_, "replaced", blobs_of(services_.stores, *known_));
  releases.replace_blobs(renewed, compiled);
  replaced.finish();
}

// Rows that exist are shared; with `fix` everything that came along is stored anew.
ReleaseRecord ReleaseUpload::record() {
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
                 [&](auto&) { release.packages.push_back(package_record(package)); });
  }
  TaskContext::Stage jobs(task_, "Creating jobs", static_cast<int>(manifest.jobs.size()));
  for (const auto& job : manifest.jobs) {
    task_.checkpoint();
    jobs.run(job.name + "/" + job.fingerprint, [&](auto&) { release.jobs.push_back(job_record(job)); });
  }
  return release;
}

PackageRecord ReleaseUpload::package_record(const releases::ReleasePackage& package) {
  PackageRecord record;
  record.name = package.name;
  record.version = package.version;
  record.fingerprint = package.fingerprint;
  record.dependencies = package.dependencies;
  if (content_.manifest.compiled) return record;
  const auto file = content_.package_files.find(package.name);
  const auto known = source_of(package);
  if (known && (!fix_ || file == content_.package_files.end())) {
    record.blob = known->blob;
    record.sha1 = known->sha1;
  } else {
    record.blob = store_blob("package", package.name, file->second);
    record.sha1 = package.sha1;
  }
  return record;
}

JobRecord ReleaseUpload::job_record(const releases::ReleaseJob& job) {
  const auto known = services_.stores.releases.find_job(content_.manifest.name, job.name, job.fingerprint);
  if (known && !fix_ && services_.blobs.exists(known->blob)) return *known;
  JobRecord record;
  record.name = job.name;
  record.version = job.version;
  record.fingerprint = job.fingerprint;
  record.sha1 = job.sha1;
  record.spec = content_.jobs.at(job.name).spec;
  record.blob = store_blob("job", job.name, content_.job_files.at(job.name));
  return record;
}

// Those that are not there yet for this release, or are to be renewed.
CompiledByName ReleaseUpload::compiled_packages(const ReleaseRecord& release) {
  CompiledByName all;
  const auto& manifest = content_.manifest;
  if (!manifest.compiled) return all;
  auto& releases = services_.stores.releases;
  TaskContext::Stage stage(task_, "Creating new compiled packages", static_cast<int>(manifest.packages.size()));
  for (const auto& package : manifest.packages) {
    auto compiled = compiled_for(manifest, package);
    if (const auto row = releases.find_package(release.name, package.name, package.fingerprint)) {
      if (sorted(row->dependencies) != sorted(package.dependencies))
        throw Error(Fault::conflict,
                    "package '" + package.name + "' has other dependencies in the uploaded release than in the one "
                    "that exists",
                    code::dependency_key_differs);
      const auto known = releases.find_compiled(row->id, compiled.stemcell_os, compiled.stemcell_version,
                                                compiled.dependency_key);
      if (known && !fix_ && services_.blobs.exists(known->blob)) continue;
    }
    const auto file = content_.package_files.find(package.name);
    const auto elsewhere = compiled_of(manifest, package);
    stage.run(package.name + "/" + package.version + " for " + package.stemcell, [&](auto&) {
      if (elsewhere && (!fix_ || file == content_.package_files.end())) {
        compiled.blob = elsewhere->blob;
        compiled.sha1 = elsewhere->sha1;
      } else {
        compiled.blob = store_blob("compiled", package.name, file->second);
      }
    });
    all.emplace(package.name, std::move(compiled));
  }
  return all;
}

// Rows whose blob is gone, and packages that have had no source so far, get what this upload brought.
ReleaseRecord ReleaseUpload::broken_parts(const ReleaseRecord& uploaded) {
  ReleaseRecord broken = uploaded;
  std::erase_if(broken.jobs, [&](const JobRecord& fresh) {
    return std::none_of(known_->jobs.begin(), known_->jobs.end(), [&](const JobRecord& job) {
      return job.name == fresh.name && !services_.blobs.exists(job.blob);
    });
  });
  const auto needs_blob = [&](const PackageRecord& package) {
    return package.blob.empty() || !services_.blobs.exists(package.blob);
  };
  for (auto& fresh : broken.packages) {
    const bool wanted = std::any_of(known_->packages.begin(), known_->packages.end(), [&](const auto& package) {
      return package.name == fresh.name && needs_blob(package);
    });
    if (!wanted) fresh.blob = {};
  }
  return broken;
}

BlobId ReleaseUpload::store_blob(const std::string& kind, const std::string& name, const fs::path& file) {
  auto& journal = services_.stores.journal;
  const auto step = journal.begin(task_.task().id, "store_blob", kind + "/" + name,
                                  {{"blob", services_.random.uuid()}}, services_.clock.now());
  const BlobId id{step.intent.at("blob").get<std::string>()};
  stored_.push_back(id);
  if (step.outcome && services_.blobs.exists(id)) return id;
  services_.blobs.put_file(file, id);
  journal.finish(step.id, Json::object(), services_.clock.now());
  return id;
}

// Also those of a run before a restart.
void ReleaseUpload::remove_unused_blobs() {
  for (const auto& step : services_.stores.journal.of_task(task_.task().id))
    if (step.kind == "store_blob") stored_.push_back(BlobId{step.intent.at("blob").get<std::string>()});
  for (const auto& blob : stored_)
    if (!services_.stores.releases.blob_in_use(blob)) services_.blobs.remove(blob);
  stored_.clear();
}

}  // namespace slipway::director
