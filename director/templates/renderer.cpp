#include "director/templates/renderer.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/parallel.hpp"

namespace slipway::director {

class Renderer::Pool {
 public:
  explicit Pool(RendererOptions given) : options(std::move(given)) {
    options.workers = std::max<std::size_t>(options.workers, 1);
  }

  std::size_t size() const { return options.workers; }

  // Renders with a lent worker until the request ends or a template breaks the worker.
  void render_some(const WorkerRequest& request, std::vector<TemplateOutcome>& outcomes) {
    auto worker = take();
    try {
      worker->render(request, outcomes);
    } catch (...) {
      give_back(nullptr);
      throw;
    }
    give_back(std::move(worker));
  }

 private:
  // Lends a worker, starting one when all are lent and there may be more.
  std::unique_ptr<Worker> take() {
    std::unique_lock lock(mutex);
    returned.wait(lock, [&] { return !idle.empty() || lent < options.workers; });
    ++lent;
    if (!idle.empty()) {
      auto worker = std::move(idle.back());
      idle.pop_back();
      return worker;
    }
    lock.unlock();
    try {
      return std::make_unique<Worker>(options.worker);
    } catch (...) {
      give_back(nullptr);
      throw;
    }
  }

  void give_back(std::unique_ptr<Worker> worker) {
    const std::lock_guard lock(mutex);
    --lent;
    if (worker && worker->usable()) idle.push_back(std::move(worker));
    returned.notify_one();
  }

  RendererOptions options;
  std::mutex mutex;
  std::condition_variable returned;
  std::vector<std::unique_ptr<Worker>> idle;
  std::size_t lent = 0;
};

namespace {

// What all instances share of a job: its templates' digests, computed once.
struct PreparedJob {
  std::vector<TemplateSource> sources;     // monit first, then files
  std::vector<std::string> destinations;
};

PreparedJob prepare(const JobTemplates& job) {
  PreparedJob result;
  const auto add = [&](const std::string& name, const std::string& destination, const std::string& content) {
    // The name is part of the digest because errors find their line by it.
    result.sources.push_back({name, sha256_hex(job.name + "/" + name + "\n" + content), content});
    result.destinations.push_back(destination);
  };
  add("monit", "monit", job.monit);
  for (const auto& file : job.files) add(file.source, file.destination, file.content);
  return result;
}

std::string cause(const TemplateOutcome& outcome) {
  return "(" + (outcome.line ? "line " + std::to_string(*outcome.line) + ": " : std::string()) + *outcome.error + ")";
}

std::string list_of(const std::set<int>& indexes) {
  std::string text = indexes.size() == 1 ? "instance " : "instances ";
  for (auto it = indexes.begin(); it != indexes.end(); ++it) {
    if (it != indexes.begin()) text += ", ";
    text += std::to_string(*it);
  }
  return text;
}

// group → job → complaint → the instances it holds for. BOSH's users know this layout.
class FailureReport {
 public:
  void add(const InstanceToRender& instance, const std::string& job, const std::string& complaint) {
    auto& group = find(groups_, instance.group);
    find(find(group, job), complaint).insert(instance.index);
  }

  void throw_if_any() const {
    if (groups_.empty()) return;
    std::string text = "Unable to render instance groups for deployment. Errors are:";
    for (const auto& [group, jobs] : groups_) {
      text += "\n  - Unable to render jobs for instance group '" + group + "'. Errors are:";
      for (const auto& [job, complaints] : jobs) {
        text += "\n    - Unable to render templates for job '" + job + "'. Errors are:";
        for (const auto& [complaint, indexes] : complaints) {
          text += "\n      - " + complaint + " [" + list_of(indexes) + "]";
        }
      }
    }
    throw Error(Fault::invalid, text);
  }

 private:
  template <class Value>
  using Ordered = std::vector<std::pair<std::string, Value>>;  // in the order of first mention

  template <class Value>
  static Value& find(Ordered<Value>& entries, const std::string& key) {
    for (auto& [name, value] : entries) {
      if (name == key) return value;
    }
    return entries.emplace_back(key, Value{}).second;
  }

  Ordered<Ordered<Ordered<std::set<int>>>> groups_;
};

// By one process for all instances. Those of a group have the same properties, which are checked once.
void check_properties(const std::vector<InstanceToRender>& instances, const releases::SchemaCheckLimits& limits) {
  std::map<std::pair<const JobTemplates*, std::string>, std::size_t> known;  // the job and its properties' digest → check
  std::vector<releases::SchemaCheck> checks;
  struct Use {
    const InstanceToRender& instance;
    const std::string& job;
    std::size_t check;
  };
  std::vector<Use> uses;
  for (const auto& instance : instances) {
    for (const auto& job : instance.jobs) {
      const auto& schema = job.templates->properties_schema;
      if (!schema) continue;
      const auto key = std::pair(job.templates.get(), sha256_hex(dump(job.properties)));
      const auto [entry, is_new] = known.emplace(key, checks.size());
      if (is_new) checks.push_back({&*schema, &job.properties});
      uses.push_back({instance, job.templates->name, entry->second});
    }
  }
  const auto complaints = releases::check_by_schemas(checks, limits);
  FailureReport failures;
  for (const auto& use : uses) {
    for (const auto& complaint : complaints[use.check]) {
      failures.add(use.instance, use.job, "Error validating properties: " + complaint);
    }
  }
  failures.throw_if_any();
}

}  // namespace

Renderer::Renderer(RendererOptions options)
    : schemas_(options.schemas), pool_(std::make_unique<Pool>(std::move(options))) {}
Renderer::~Renderer() = default;

std::vector<RenderedInstance> Renderer::render(const std::vector<InstanceToRender>& instances) {
  check_properties(instances, schemas_);
  std::map<const JobTemplates*, PreparedJob> prepared;
  struct Item {
    std::size_t instance, job;
  };
  std::vector<Item> items;
  for (std::size_t i = 0; i < instances.size(); ++i) {
    for (std::size_t j = 0; j < instances[i].jobs.size(); ++j) {
      const auto* templates = instances[i].jobs[j].templates.get();
      if (!prepared.contains(templates)) prepared.emplace(templates, prepare(*templates));
      items.push_back({i, j});
    }
  }

  std::vector<std::vector<TemplateOutcome>> outcomes(items.size());
  parallel_for(items.size(), pool_->size(), [&](std::size_t n) {
    const auto& instance = instances[items[n].instance];
    const auto& job = instance.jobs[items[n].job];
    Json spec = instance.spec;
    spec["release"] = {{"name", job.templates->release_name}, {"version", job.templates->release_version}};
    const WorkerRequest request{.job = job.templates->name,
                                .spec = &spec,
                                .properties = &job.properties,
                                .links = &job.links,
                                .templates = prepared.at(job.templates.get()).sources};
    // Each round ends the request or uses up the template that broke the worker.
    while (outcomes[n].size() < request.templates.size()) pool_->render_some(request, outcomes[n]);
  });

  FailureReport failures;
  std::vector<RenderedInstance> results(instances.size());
  for (std::size_t n = 0; n < items.size(); ++n) {
    const auto& instance = instances[items[n].instance];
    const auto& job = instance.jobs[items[n].job];
    const auto& name = job.templates->name;
    const auto& plan = prepared.at(job.templates.get());
    auto& files = results[items[n].instance].files;
    for (std::size_t i = 0; i < plan.sources.size(); ++i) {
      auto& outcome = outcomes[n][i];
      if (outcome.error) {
        failures.add(instance, name, "Error filling in template '" + plan.sources[i].name + "' " + cause(outcome));
        continue;
      }
      const bool executable = plan.destinations[i].starts_with("bin/");
      files.push_back({name + "/" + plan.destinations[i], std::move(outcome.content), executable ? 0750u : 0640u});
    }
    files.push_back({name + "/.bosh/links.json", dump(job.links), 0640});
  }
  failures.throw_if_any();
  for (std::size_t i = 0; i < instances.size(); ++i) {
    std::vector<std::string> names;
    for (const auto& job : instances[i].jobs) names.push_back(job.templates->name);
    seal(results[i], names);
  }
  return results;
}

}  // namespace slipway::director
