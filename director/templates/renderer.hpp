#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "director/templates/job_templates.hpp"
#include "director/templates/rendered.hpp"
#include "director/templates/worker.hpp"
#include "releases/format/properties_schema.hpp"

namespace slipway::director {

// One job as one instance runs it.
struct JobToRender {
  std::shared_ptr<const JobTemplates> templates;
  Json properties = Json::object();  // effective_properties(...)
  // By the name the job consumes them under. Each: {instances: [{name, index, id, az, address,
  // bootstrap, properties?}], properties, address?, instance_group, default_network,
  // deployment_name, domain, az_ids: {az: number}, short_dns?: {group: "q-g1", network: "n1"}}.
  Json links = Json::object();
};

struct InstanceToRender {
  std::string group;
  std::string id;
  int index = 0;
  // As templates see it: deployment, job {name}, index, bootstrap, name, id, az, networks,
  // address, ip, dns_domain_name, persistent_disk. `release`, `properties` and `links` are
  // added for each job.
  Json spec = Json::object();
  std::vector<JobToRender> jobs;
};

struct RendererOptions {
  std::size_t workers = 2;  // at least 1
  WorkerOptions worker;
  releases::SchemaCheckLimits schemas;
};

// Renders ERB in a bounded pool of Ruby processes that live as long as this object; they
// start when first needed. Thread-safe.
class Renderer {
 public:
  explicit Renderer(RendererOptions options = {});
  ~Renderer();

  // In the order given. All failures are collected over all instances and thrown together as
  // Fault::invalid: group, job, template, line, cause. Properties that a job's schema refuses are
  // such failures too, and nothing is rendered then. Fault::internal when Ruby is missing, or, for
  // a schema, Python.
  std::vector<RenderedInstance> render(const std::vector<InstanceToRender>& instances);

 private:
  class Pool;
  releases::SchemaCheckLimits schemas_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace slipway::director
