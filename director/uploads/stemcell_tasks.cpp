#include <algorithm>

#include "base/file.hpp"
#include "director/uploads/artifact_tasks.hpp"
#include "director/uploads/source.hpp"
#include "releases/format/stemcell.hpp"

namespace slipway::director {
namespace {

using namespace std::chrono_literals;

constexpr int stemcell_not_found = 50003;
constexpr int no_cpi_takes_it = 50010;

bool truth(const Json& arguments, const char* key) {
  const auto found = arguments.find(key);
  return found != arguments.end() && *found == true;
}

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
    if (accepts(info, manifest)) targets.push_back({name, std::move(cpi)});
    for (const auto& format : info.stemcell_formats) offered += (offered.empty() ? "" : ", ") + format;
  }
  if (!targets.empty()) return targets;
  std::string wanted;
  for (const auto& format : manifest.formats) wanted += (wanted.empty() ? "" : ", ") + format;
  throw Error(Fault::invalid,
              "no CPI takes a stemcell of format " + wanted + "; the configured ones take: " + offered,
              no_cpi_takes_it);
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

void save(ArtifactServices& services, const Target& target, const releases::StemcellManifest& manifest,
          const StemcellCid& cid, bool known) {
  StemcellRecord record;
  record.name = manifest.name;
  record.version = manifest.version;
  record.operating_system = manifest.operating_system;
  record.api_version = manifest.api_version;
  record.cpi = target.name;
  record.cid = cid;
  record.sha1 = manifest.sha1;
  if (known)
    services.stores.stemcells.replace(record);
  else
    services.stores.stemcells.insert(record, services.clock.now());
}

}  // namespace

std::string update_stemcell(ArtifactServices& services, TaskContext& task) {
  const bool fix = truth(task.task().arguments, "fix");
  const TempDir folder("stemcell", services.work_folder);
  const auto image = folder.path() / "image";
  TaskContext::Stage stage(task, "Update stemcell", 4);
  const auto tarball = fetch_source(task, folder.path(), stage, "stemcell");
  task.checkpoint();

  releases::StemcellManifest manifest;
  stage.run("Extracting stemcell archive", [&](auto&) {
    read_upload("stemcell", tarball, [&] { manifest = releases::extract_stemcell(tarball, image); });
  });
  task.checkpoint();
  const auto name = manifest.name + "/" + manifest.version;
  const auto lock = services.locks.acquire("lock:stemcell:" + manifest.name + ":" + manifest.version, task.task().id,
                                           5min);
  std::vector<Target> targets;
  stage.run("Verifying stemcell manifest", [&](auto&) { targets = targets_for(services, task, manifest); });
  for (const auto& target : targets) {
    const auto suffix = target.name.empty() ? "" : " (cpi: " + target.name + ")";
    const auto known = services.stores.stemcells.find(manifest.name, manifest.version, target.name);
    if (known && !fix) {
      task.debug("stemcell " + name + suffix + " exists as " + known->cid.value);
      continue;
    }
    task.checkpoint();
    StemcellCid cid;
    stage.run("Uploading stemcell " + name + " to the cloud" + suffix,
              [&](auto&) { cid = create_in_cloud(services, task, target, manifest, image); });
    stage.run("Save stemcell " + name + " (" + cid.value + ")" + suffix,
              [&](auto&) { save(services, target, manifest, cid, known.has_value()); });
  }
  return "/stemcells/" + name;
}

std::string delete_stemcell(ArtifactServices& services, TaskContext& task) {
  const auto& arguments = task.task().arguments;
  const auto name = arguments.at("name").get<std::string>();
  const auto version = arguments.at("version").get<std::string>();
  const bool force = truth(arguments, "force");
  const auto lock = services.locks.acquire("lock:stemcell:" + name + ":" + version, task.task().id, 10s);
  std::vector<StemcellRecord> stemcells;
  for (auto& stemcell : services.stores.stemcells.all())
    if (stemcell.name == name && stemcell.version == version) stemcells.push_back(std::move(stemcell));
  // Gone already when the task had come that far before a restart.
  if (stemcells.empty() && services.stores.journal.of_task(task.task().id).empty())
    throw Error(Fault::not_found, "Stemcell '" + name + "/" + version + "' doesn't exist", stemcell_not_found);

  TaskContext::Stage stage(task, "Deleting stemcell from cloud", static_cast<int>(stemcells.size()));
  for (const auto& stemcell : stemcells) {
    if (const auto users = services.stores.stemcells.deployments_using(stemcell.id); !users.empty()) {
      std::string list;
      for (const auto& user : users) list += (list.empty() ? "" : ", ") + user;
      throw Error(Fault::conflict, "Stemcell '" + name + "/" + version + "' is still in use by: " + list, 50004);
    }
    const auto step = services.stores.journal.begin(task.task().id, "delete_stemcell", stemcell.cpi,
                                                    {{"cid", stemcell.cid.value}}, services.clock.now());
    stage.run("Delete stemcell " + stemcell.cid.value, [&](auto&) {
      try {
        services.cpis.open(stemcell.cpi, task.cpi_observer())->delete_stemcell(stemcell.cid);
      } catch (const Error& error) {
        if (!force) throw;
        task.debug("going on because of force: " + std::string(error.what()));
      }
      services.stores.stemcells.remove(stemcell.id);
      services.stores.journal.finish(step.id, Json::object(), services.clock.now());
    });
  }
  return "/stemcells/" + name + "/" + version;
}

}  // namespace slipway::director
