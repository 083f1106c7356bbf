#include "director/executor/deploy.hpp"
#include "director/executor/named_disks.hpp"

// What is written down for an instance, and sent to its agent.
namespace slipway::director {

Json Deploy::planned_spec(const InstanceId& id) const {
  return {{"configuration_hash", rendered_by_id_.at(id)->configuration_hash}, {"packages", packages_.at(id)}};
}

// Jobs name the packages they run with; what those needed to be compiled stays behind.
Json Deploy::packages_of(const PlannedInstance& planned) const {
  Json packages = Json::object();
  const ReleaseIndex releases(world_.releases);
  for (const auto& job : planned.jobs) {
    const auto& release = releases.release(job.release, job.release_version);
    for (const auto& name : releases.job(release, job.name).spec.value("packages", Json::array())) {
      const auto* package = releases.package(release, name.get<std::string>());
      if (!package)
        throw Error(Fault::internal, "job " + job.name + " wants package " + name.dump() +
                                         ", which release " + release.name + " does not have");
      const auto found = compiled_.find({package->id, planned.stemcell.os, planned.stemcell.version});
      Json entry = {{"name", package->name}, {"version", package->fingerprint}};
      if (found != compiled_.end()) {
        entry["version"] = package->fingerprint + "." + std::to_string(found->second.build);
        entry["sha1"] = found->second.sha1;
        entry["blobstore_id"] = found->second.blob.value;
      }
      packages[package->name] = std::move(entry);
    }
  }
  return packages;
}

Json Deploy::apply_spec(const PlannedInstance& planned, const RenderedInstance& rendered,
                        const Json& current_spec) {
  const ReleaseIndex releases(world_.releases);
  Json templates = Json::array();
  for (const auto& job : planned.jobs) {
    const auto& record = releases.job(releases.release(job.release, job.release_version), job.name);
    templates.push_back({{"name", record.name},
                         {"version", record.version},
                         {"sha1", record.sha1},
                         {"blobstore_id", record.blob.value}});
  }
  const auto* group = desired_.manifest.find_group(planned.group);
  const Json first = templates.empty() ? Json::object() : templates.front();
  Json hashes = Json::object();
  for (const auto& [job, hash] : rendered.template_hashes) hashes[job] = hash;
  Json spec = {{"deployment", request_.deployment},
          {"name", planned.group},
          {"id", planned.id.value},
          {"index", planned.index},
          {"az", planned.az},
          {"cpi", planned.cpi},
          {"bootstrap", planned.bootstrap},
          {"lifecycle", group->lifecycle == Lifecycle::errand ? "errand" : "service"},
          {"dns_domain_name", services_.settings.dns_domain},
          {"job",
           {{"name", planned.group},
            {"template", first.value("name", "")},
            {"version", first.value("version", "")},
            {"templates", templates}}},
          {"packages", packages_.at(planned.id)},
          {"rendered_templates_archive", archives_.store(planned.id, rendered, current_spec)},
          {"configuration_hash", rendered.configuration_hash},
          {"template_hashes", hashes},
          {"networks", planned.networks},
          {"persistent_disk", planned.store_mib()},
          {"update", {{"update_watch_time", group->update.update_watch_time.to_string()}}},
          {"stemcell", {{"name", planned.stemcell.name}, {"version", planned.stemcell.version}}},
          {"vm_cloud_properties", planned.vm_cloud_properties},
          {"env", planned.env},
          {"tags", planned.tags},
          {"properties", Json::object()}};
  put_named_disks(planned, spec);
  return spec;
}

}  // namespace slipway::director
