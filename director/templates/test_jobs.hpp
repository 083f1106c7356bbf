#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "director/templates/renderer.hpp"

// Small jobs for the tests of rendering.
namespace slipway::director {

using Files = std::vector<std::pair<std::string, std::string>>;  // destination → ERB

inline std::shared_ptr<const JobTemplates> job_of(const std::string& name, const Files& files) {
  auto job = std::make_shared<JobTemplates>();
  job->name = name;
  job->release_name = "rel";
  job->release_version = "1.0";
  for (const auto& [destination, content] : files) {
    job->files.push_back({destination.substr(destination.find('/') + 1) + ".erb", destination, content});
  }
  return job;
}

inline InstanceToRender instance_of(std::vector<JobToRender> jobs, int index = 0, const std::string& group = "web") {
  InstanceToRender instance{.group = group, .id = "i" + std::to_string(index), .index = index};
  instance.spec = {{"deployment", "dep"},
                   {"name", group},
                   {"job", {{"name", group}}},
                   {"index", index},
                   {"id", instance.id},
                   {"az", "z1"},
                   {"bootstrap", index == 0},
                   {"address", "10.0.0.9"},
                   {"ip", "10.0.0.9"},
                   {"dns_domain_name", "bosh"},
                   {"networks", {{"default", {{"ip", "10.0.0.9"}, {"dns_record_name", "0.web.default.dep.bosh"}}}}}};
  instance.jobs = std::move(jobs);
  return instance;
}

// The content of the one template of one job.
inline std::string render_one(Renderer& renderer, const std::string& erb, const Json& properties = Json::object(),
                              const Json& links = Json::object()) {
  const auto result = renderer.render({instance_of({{job_of("job", {{"config/x", erb}}), properties, links}})});
  for (const auto& file : result.at(0).files) {
    if (file.name == "job/config/x") return file.content;
  }
  return "(no such file)";
}

}  // namespace slipway::director
