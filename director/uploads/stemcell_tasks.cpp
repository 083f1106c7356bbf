#include <algorithm>
#include <optional>
#include <set>

#include "base/file.hpp"
#include "director/domain/error_codes.hpp"
#include "director/uploads/artifact_tasks.hpp"
#include "director/uploads/source.hpp"
#include "director/uploads/stemcell_intake.hpp"

namespace slipway::director {
namespace {

using namespace std::chrono_literals;

bool accepts(const cpi::Info& info, const releases::StemcellManifest& manifest) {
  if (manifest.formats.empty()) return true;
  return std::any_of(manifest.formats.begin(), manifest.formats.end(), [&](const std::string& format) {
    return std::find(info.stemcell_formats.begin(), info.stemcell_formats.end(), format) !=
           info.stemcell_formats.end();
  });
}

struct Target {
  std::string name;
  std::shared_ptr<cpi::Cpi> cpi;
};

std::vector<Target> targets_for(ArtifactServices& services, TaskContext& task,
                                const releases::StemcellManifest& manifest) {
  std::vector<Target> targets;
  std::string offered;
  for (const auto& name : services.cpis.names()) {
    auto cpi = services.cpis.open(name, task.cpi_observer());
    const auto info = cpi->info();
    if (accepts(info, manifest))
      targets.push_back({name, std::move(cpi)});
    else
      services.stores.stemcells.record_upload(manifest.name, manifest.version, name);
    for (const auto& format : info.stemcell_formats) offered += (offered.empty() ? "" : ", ") + format;
  }
  if (!targets.empty()) return targets;
  services.stores.stemcells.forget_uploads(manifest.name, manifest.version);
  std::string wanted;
  for (const auto& format : manifest.formats) wanted += (wanted.empty() ? "" : ", ") + format;
  throw Error(Fault::invalid,
              "no CPI takes a stemcell of format " + wanted + "; the configured ones take: " + offered,
              code::stemcell_not_supported);
}

// Journalled: a restart after the cloud has answered does not ask it a second time.
StemcellCid create_in_cloud(ArtifactServices& services, TaskContext& task, const Target& target,
                            const releases::StemcellManifest& manifest, const std::filesystem::path& image) {
  const auto step = services.stores.journal.begin(task.task().id, "create_stemcell", target.name,
                                                  {{"name", manifest.name}, {"version", manifest.version}},
                                                  services.clock.now());
  if (step.outcome) return StemcellCid{step.outcome->at("cid").get<std::string>()};
  const Json tags = {{"name", manifest.name}, {"version", manifest.version}};
  auto cid = target.cpi->create_stemcell(image.string(), manifest.cloud_properties, tags);
  services.stores.journal.finish(step.id, {{"cid", cid.value}}, services.clock.now());
  return cid;
}

// The row of this CPI, under its name of now or a former one.
std::optional<StemcellRecord> known_stemcell(ArtifactServices& services, const std::string& cpi,
                                             const releases::StemcellManifest& manifest) {
  for (auto& stemcell : services.stores.stemcells.all()) {
    const bool same = stemcell.name == manifest.name && stemcell.version == manifest.version &&
                      services.cpis.current_name(stemcell.cpi) == cpi;
    if (same) return std::move(stemcell);
  }
  return std::nullopt;
}

void save(ArtifactServices& services, const Target& target, const releases::StemcellManifest& manifest,
          const StemcellCid& cid, const std::optional<StemcellRecord>& known) {
  StemcellRecord record;
  record.name = manifest.name;
  record.version = manifest.version;
  record.operating_system = manifest.operating_system;
  record.api_version = manifest.api_version;
  record.cpi = known ? known->cpi : target.name;
  record.cid = cid;
  record.sha1 = manifest.sha1;
  if (known)
    services.stores.stemcells.replace(record);
  else
    services.stores.stemcells.insert(record, services.clock.now());
}

// Manifest and image, from the folder that came with the request or from a location.
class Source {
 public:
  Source(ArtifactServices& services, TaskContext& task, TaskContext::Stage& stage)
      : folder_("stemcell", services.work_folder) {
    const auto& arguments = task.task().arguments;
    if (const auto refused = arguments.value("refused", std::string()); !refused.empty())
      stage.run("Extracting stemcell archive",
                [&](auto&) { throw Error(Fault::invalid, refused, arguments.value("refused_code", 0)); });
    if (arguments.value("location", std::string()).empty()) {
      const std::filesystem::path path = arguments.at("path").get<std::string>();
      if (!std::filesystem::exists(path))
        throw Error(Fault::invalid, "the uploaded stemcell is gone; upload it again");
      stage.run("Extracting stemcell archive", [&](auto&) { intake_.emplace(path); });
      manifest_ = intake_->manifest();
      image_ = intake_->image();
      has_image_ = intake_->has_image();
      return;
    }
    const auto tarball = fetch_source(task, folder_.path(), stage, "stemcell", code::stemcell_digest_differs);
    task.checkpoint();
    image_ = folder_.path() / "image";
    stage.run("Extracting stemcell archive", [&](auto&) {
      read_upload("stemcell", tarball, [&] { manifest_ = releases::extract_stemcell(tarball, image_); });
    });
  }

  const releases::StemcellManifest& manifest() const { return manifest_; }
  const std::filesystem::path& image() const {
    if (!has_image_)
      throw Error(Fault::conflict, "stemcell '" + manifest_.name + "/" + manifest_.version +
                                       "' was deleted while it was uploaded again; upload it once more");
    return image_;
  }

 private:
  TempDir folder_;
  std::optional<StemcellIntake> intake_;
  releases::StemcellManifest manifest_;
  std::filesystem::path image_;
  bool has_image_ = true;
};

void update_in(ArtifactServices& services, TaskContext& task, TaskContext::Stage& stage, const Target& target,
               const Source& source, bool fix) {
  const auto& manifest = source.manifest();
  const auto name = manifest.name + "/" + manifest.version;
  const auto suffix = target.name.empty() ? "" : " (cpi: " + target.name + ")";
  const auto known = known_stemcell(services, target.name, manifest);
  if (known && !fix) {
    stage.run("Uploading stemcell " + name + " to the cloud" + suffix + " (already exists, skipped)", [](auto&) {});
  } else {
    StemcellCid cid;
    stage.run("Uploading stemcell " + name + " to the cloud" + suffix,
              [&](auto&) { cid = create_in_cloud(services, task, target, manifest, source.image()); });
    stage.run("Save stemcell " + name + " (" + cid.value + ")" + suffix,
              [&](auto&) { save(services, target, manifest, cid, known); });
  }
  services.stores.stemcells.record_upload(manifest.name, manifest.version, target.name);
}

// A CPI may give one image the same id each time: then it belongs to all stemcells that have the id.
bool shared(ArtifactServices& services, const StemcellRecord& stemcell) {
  const auto all = services.stores.stemcells.all();
  return std::any_of(all.begin(), all.end(), [&](const StemcellRecord& other) {
    return other.id != stemcell.id && other.cpi == stemcell.cpi && other.cid == stemcell.cid;
  });
}

}  // namespace

bool stemcell_needed(Stores& stores, const Cpis& cpis, const std::string& name, const std::string& version) {
  std::set<std::string> have;
  for (const auto& cpi : stores.stemcells.uploaded_to(name, version)) have.insert(cpis.current_name(cpi));
  for (const auto& stemcell : stores.stemcells.all())
    if (stemcell.name == name && stemcell.version == version) have.insert(cpis.current_name(stemcell.cpi));
  const auto names = cpis.names();
  return std::any_of(names.begin(), names.end(), [&](const auto& cpi) { return !have.contains(cpi); });
}

std::string update_stemcell(ArtifactServices& services, TaskContext& task) {
  const bool fix = task.task().arguments.value("fix", false);
  TaskContext::Stage stage(task, "Update stemcell", 4);
  const Source source(services, task, stage);
  task.checkpoint();
  const auto& manifest = source.manifest();
  const auto lock = services.locks.acquire("lock:stemcell:" + manifest.name + ":" + manifest.version, task.task().id,
                                           5min);
  std::vector<Target> targets;
  stage.run("Verifying stemcell manifest", [&](auto&) { targets = targets_for(services, task, manifest); });
  for (const auto& target : targets) {
    task.checkpoint();
    update_in(services, task, stage, target, source, fix);
  }
  return "/stemcells/" + manifest.name + "/" + manifest.version;
}

void remove_stemcell(ArtifactServices& services, TaskContext& task, const StemcellRecord& stemcell, bool force) {
  const auto name = stemcell.name + "/" + stemcell.version;
  auto& stores = services.stores;
  if (const auto users = stores.stemcells.deployments_using(stemcell.id); !users.empty()) {
    std::string list;
    for (const auto& user : users) list += (list.empty() ? "" : ", ") + user;
    throw Error(Fault::conflict, "Stemcell '" + name + "' is still in use by: " + list, code::stemcell_in_use);
  }
  const auto image = services.locks.acquire("image:" + stemcell.cpi + ":" + stemcell.cid.value, task.task().id, 10s);
  const auto step = stores.journal.begin(task.task().id, "delete_stemcell", name + " " + stemcell.cpi,
                                         {{"cid", stemcell.cid.value}}, services.clock.now());
  // From here on an upload is not skipped any more.
  stores.stemcells.forget_uploads(stemcell.name, stemcell.version);
  try {
    if (shared(services, stemcell))
      task.debug("another stemcell has the same image: it stays in the cloud");
    else
      services.cpis.open(stemcell.cpi, task.cpi_observer())->delete_stemcell(stemcell.cid);
  } catch (const Error& error) {
    if (!force) throw;
    task.debug("going on because of force: " + std::string(error.what()));
  }
  stores.stemcells.remove(stemcell.id);
  stores.journal.finish(step.id, Json::object(), services.clock.now());
}

std::string delete_stemcell(ArtifactServices& services, TaskContext& task) {
  const auto& arguments = task.task().arguments;
  const auto name = arguments.at("name").get<std::string>();
  const auto version = arguments.at("version").get<std::string>();
  const bool force = arguments.value("force", false);
  const auto lock = services.locks.acquire("lock:stemcell:" + name + ":" + version, task.task().id, 10s);
  std::vector<StemcellRecord> stemcells;
  for (auto& stemcell : services.stores.stemcells.all())
    if (stemcell.name == name && stemcell.version == version) stemcells.push_back(std::move(stemcell));
  // Gone already when the task had come that far before a restart.
  if (stemcells.empty() && services.stores.journal.of_task(task.task().id).empty())
    throw Error(Fault::not_found, "Stemcell '" + name + "/" + version + "' doesn't exist", code::stemcell_not_found);

  TaskContext::Stage stage(task, "Deleting stemcell from cloud", static_cast<int>(stemcells.size()));
  for (const auto& stemcell : stemcells)
    stage.run("Delete stemcell " + stemcell.cid.value,
              [&](auto&) { remove_stemcell(services, task, stemcell, force); });
  return "/stemcells/" + name + "/" + version;
}

}  // namespace slipway::director
