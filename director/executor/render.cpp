#include "director/executor/render.hpp"

namespace slipway::director {

const ReleaseRecord& ReleaseIndex::release(const std::string& name, const std::string& version) const {
  for (const auto& release : releases_) {
    if (release.name == name && release.version == version) return release;
  }
  throw Error(Fault::not_found, "release " + name + "/" + version + " is not uploaded", 30006);
}

const JobRecord& ReleaseIndex::job(const ReleaseRecord& release, const std::string& name) const {
  for (const auto& job : release.jobs) {
    if (job.name == name) return job;
  }
  throw Error(Fault::not_found,
              "release " + release.name + "/" + release.version + " has no job '" + name + "'", 140029);
}

const PackageRecord* ReleaseIndex::package(const ReleaseRecord& release, const std::string& name) const {
  for (const auto& package : release.packages) {
    if (package.name == name) return &package;
  }
  return nullptr;
}

std::vector<RenderedInstance> render_all(Services& services, JobTemplateCache& cache,
                                         const ReleaseIndex& releases, const Assignment& assignment) {
  std::vector<InstanceToRender> wanted;
  wanted.reserve(assignment.instances.size());
  for (const auto& instance : assignment.instances) {
    InstanceToRender one{.group = instance.group,
                         .id = instance.id.value,
                         .index = instance.index,
                         .spec = instance.spec_for_templates};
    for (const auto& job : instance.jobs) {
      const auto& release = releases.release(job.release, job.release_version);
      const auto& record = releases.job(release, job.name);
      one.jobs.push_back(
          {cache.of(release, record), effective_properties(record.spec, job.properties), job.links});
    }
    wanted.push_back(std::move(one));
  }
  return services.renderer.render(wanted);
}

}  // namespace slipway::director
