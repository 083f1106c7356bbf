#include "director/executor/export_release.hpp"

#include <algorithm>

#include "base/archive.hpp"
#include "base/file.hpp"
#include "base/yaml.hpp"
#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"
#include "director/executor/compiler.hpp"
#include "director/executor/inputs.hpp"
#include "director/planner/resolve.hpp"
#include "releases/format/manifest.hpp"

namespace slipway::director {

namespace {

using namespace std::chrono_literals;
using Need = Assignment::PackageNeed;

constexpr auto lock_wait = 15min;  // a deploy may be compiling the same packages
constexpr int already_compressed = 1;

class Export {
 public:
  Export(Services& services, TaskContext& task, const ExportRequest& request)
      : services_(services), task_(task), request_(request) {}

  void run() {
    find();
    const auto lock =
        services_.locks.acquire("lock:deployment:" + request_.deployment, task_.task().id, lock_wait);
    compile();
    task_.checkpoint();
    TaskContext::Stage stage(task_, "Exporting release", 1);
    stage.run(request_.release + "/" + request_.version, [&](auto&) { pack(); });
  }

 private:
  void find() {
    auto& stores = services_.stores;
    const auto deployment = stores.deployments.find(request_.deployment);
    if (!deployment)
      throw Error(Fault::not_found, "deployment '" + request_.deployment + "' does not exist",
                  code::deployment_not_found);
    find_release();
    if (!is_used_by(*deployment))
      throw Error(Fault::conflict,
                  "release version '" + request_.release + "/" + request_.version +
                      "' is not part of deployment '" + request_.deployment + "'",
                  code::release_not_of_deployment);
    find_stemcell();
    find_jobs();
  }

  void find_release() {
    auto found = services_.stores.releases.find(request_.release, request_.version);
    if (found) {
      world_.releases.push_back(std::move(*found));
      return;
    }
    std::vector<std::string> versions;
    for (const auto& other : services_.stores.releases.versions())
      if (other.name == request_.release) versions.push_back(other.version);
    if (versions.empty())
      throw Error(Fault::not_found, "release '" + request_.release + "' is not uploaded", code::release_not_found);
    throw Error(Fault::not_found,
                "release '" + request_.release + "' has no uploaded version '" + request_.version +
                    "'; uploaded are " + quoted_list(versions),
                code::release_version_not_found);
  }

  // Listed in the manifest is enough: a deployment without instances may exist to compile on.
  bool is_used_by(const DeploymentRecord& deployment) const {
    const auto used = services_.stores.deployments.release_ids(deployment.name);
    if (std::find(used.begin(), used.end(), release().id) != used.end()) return true;
    if (deployment.manifest.empty()) return false;
    const Json manifest = parse_yaml(deployment.manifest, "manifest");
    const auto listed = manifest.find("releases");
    if (listed == manifest.end() || !listed->is_array()) return false;
    return std::any_of(listed->begin(), listed->end(), [&](const Json& one) {
      if (!one.is_object() || one.value("name", Json()) != release().name || !one.contains("version")) return false;
      const auto& version = one.at("version");
      return version_matches(version.is_string() ? version.get<std::string>() : dump(version), release().version);
    });
  }

  void find_stemcell() {
    world_.stemcells = services_.stores.stemcells.all();
    std::vector<std::string> known;
    for (const auto& stemcell : world_.stemcells) {
      if (stemcell.operating_system == request_.stemcell_os && stemcell.version == request_.stemcell_version) return;
      known.push_back(stemcell.operating_system + "/" + stemcell.version);
    }
    throw Error(Fault::not_found,
                "stemcell with OS '" + request_.stemcell_os + "' and version '" + request_.stemcell_version +
                    "' is not uploaded; uploaded are " + quoted_list(known),
                code::stemcell_not_found);
  }

  void find_jobs() {
    Problems problems;
    for (const auto& name : request_.jobs) {
      const bool known = std::any_of(release().jobs.begin(), release().jobs.end(),
                                     [&](const JobRecord& job) { return job.name == name; });
      if (!known)
        problems.add("jobs", "'" + name + "' is no job of release '" + release().name + "/" + release().version + "'",
                     code::group_unknown_job);
    }
    problems.throw_if_any("export");
    for (const auto& job : release().jobs) {
      const auto& wanted = request_.jobs;
      if (wanted.empty() || std::find(wanted.begin(), wanted.end(), job.name) != wanted.end()) jobs_.push_back(&job);
    }
  }

  void compile() {
    Problems problems;
    std::vector<Need> needs;
    ResolvedRelease resolved;
    resolved.record = &release();
    for (const auto& package : release().packages) resolved.packages.emplace(package.name, &package);
    PackageCollector collector(needs);
    const StemcellRef stemcell{"", request_.stemcell_os, request_.stemcell_version, ""};
    for (const auto* job : jobs_) collector.add(resolved, *job, stemcell, problems);
    problems.throw_if_any("release");
    world_.director_addresses = services_.settings.own_addresses;
    world_.default_cpi = services_.cpis.current_name("");
    const auto cloud = read_cloud_config(services_, request_.deployment);
    compiled_ = Compiler(services_, task_, request_.deployment, cloud, world_, {{&release(), {}}})
                    .compile(needs);
  }

  releases::ReleaseManifest manifest() const {
    releases::ReleaseManifest manifest;
    manifest.name = release().name;
    manifest.version = release().version;
    manifest.commit_hash = release().commit_hash;
    manifest.uncommitted_changes = release().uncommitted_changes;
    manifest.compiled = true;
    for (const auto* job : jobs_) manifest.jobs.push_back({job->name, job->version, job->fingerprint, job->sha1});
    for (const auto& package : release().packages) {
      if (const auto* compiled = compiled_of(package))
        manifest.packages.push_back({package.name, package.version, package.fingerprint, compiled->sha1,
                                     package.dependencies,
                                     request_.stemcell_os + "/" + request_.stemcell_version});
    }
    return manifest;
  }

  void write(const std::filesystem::path& tarball) const {
    ArchiveWriter writer(tarball, already_compressed);
    writer.add("release.MF", to_yaml(manifest()));
    for (const auto* job : jobs_) writer.add_file("jobs/" + job->name + ".tgz", services_.blobs.path(job->blob), 0644);
    for (const auto& package : release().packages) {
      if (const auto* compiled = compiled_of(package))
        writer.add_file("compiled_packages/" + package.name + ".tgz", services_.blobs.path(compiled->blob), 0644);
    }
    writer.finish();
  }

  // The blob's id is in the journal and in its row before there is a blob.
  void pack() {
    auto& stores = services_.stores;
    const TempDir folder("export", services_.settings.work_folder);
    const auto tarball = folder.path() / "release.tgz";
    write(tarball);
    const auto step = stores.journal.begin(task_.task().id, "export_release", "",
                                           {{"blob", services_.random.uuid()}}, services_.clock.now());
    const BlobId blob{step.intent.at("blob").get<std::string>()};
    stores.exported_releases.insert(
        {blob, release().name, release().version, request_.stemcell_os, request_.stemcell_version},
        services_.clock.now());
    const auto stored = services_.blobs.put_file(tarball, blob);
    const Json result = {{"blobstore_id", blob.value},
                         {"sha1", request_.sha256 ? "sha256:" + stored.sha256 : stored.sha1}};
    stores.journal.finish(step.id, result, services_.clock.now());
    task_.result_line(dump(result));
  }

  const ReleaseRecord& release() const { return world_.releases.front(); }
  const CompiledPackageRecord* compiled_of(const PackageRecord& package) const {
    const auto found = compiled_.find({package.id, request_.stemcell_os, request_.stemcell_version});
    return found == compiled_.end() ? nullptr : &found->second;
  }

  Services& services_;
  TaskContext& task_;
  const ExportRequest& request_;
  World world_;  // the one release, and all stemcells
  std::vector<const JobRecord*> jobs_;
  std::map<Need, CompiledPackageRecord> compiled_;
};

}  // namespace

std::string export_release(Services& services, TaskContext& task, const ExportRequest& request) {
  Export(services, task, request).run();
  return "Exported release: " + request.release + "/" + request.version + " for " + request.stemcell_os + "/" +
         request.stemcell_version;
}

}  // namespace slipway::director
