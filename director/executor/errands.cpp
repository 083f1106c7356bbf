#include "director/executor/errands.hpp"

#include <algorithm>
#include <memory>

#include "base/digest.hpp"
#include "base/parallel.hpp"
#include "base/yaml.hpp"
#include "director/domain/error_codes.hpp"
#include "director/executor/deploy.hpp"
#include "director/executor/errand_runner.hpp"
#include "director/executor/fetch_logs.hpp"
#include "director/executor/world.hpp"
#include "director/variables/variables.hpp"

namespace slipway::director {

using namespace std::chrono_literals;
using Target = DeployedErrands::Target;

namespace {

constexpr int deployment_not_found = 70000;
constexpr int cancelled_above = 128;  // as a shell reports a signal

std::string summary(const std::vector<Json>& rows) {
  int succeeded = 0, errored = 0, cancelled = 0;
  for (const auto& row : rows) {
    const auto code = row.at("exit_code").get<std::int64_t>();
    ++(code == 0 ? succeeded : code > cancelled_above ? cancelled : errored);
  }
  return std::to_string(succeeded) + " succeeded, " + std::to_string(errored) + " errored, " +
         std::to_string(cancelled) + " canceled";
}

// What instances run with; `specs` by instance id. Equal as long as nothing has changed.
std::string state_hash(const std::map<InstanceId, Json>& specs) {
  Json all = Json::array();
  for (const auto& [id, spec] : specs) {
    all.push_back({id.value, spec.value("configuration_hash", ""), spec.value("packages", Json::object())});
  }
  return sha256_hex(dump(all));
}

class Errand {
 public:
  Errand(Services& services, JobTemplateCache& templates, TaskContext& task, DeploymentRecord deployment,
         const ErrandRequest& request)
      : services_(services),
        templates_(templates),
        task_(task),
        deployment_(std::move(deployment)),
        request_(request),
        runner_(services, task, deployment_.name, request.errand) {}
  std::string run();

 private:
  void select();
  void plan();
  bool unchanged();
  void create_vms();
  void run_all();
  void delete_vms();
  void delete_vm(const InstanceId& id, TaskContext& task, TaskContext::Stage& stage);
  std::string state_now();

  Services& services_;
  JobTemplateCache& templates_;
  TaskContext& task_;
  DeploymentRecord deployment_;
  const ErrandRequest& request_;
  ErrandRunner runner_;
  std::vector<Target> targets_;
  std::vector<std::pair<InstanceId, std::unique_ptr<Deploy>>> deploys_;  // of errand groups
  std::vector<Json> rows_;
  std::optional<Error> failure_;  // the first of those of single instances
};

std::string Errand::run() {
  select();
  try {
    plan();
    if (request_.when_changed && unchanged()) return "skipped - no changes detected";
    services_.stores.errand_runs.forget(deployment_.name, request_.errand);
    create_vms();
    run_all();
  } catch (const Error& error) {
    // An interrupted task finds its VMs again.
    if (error.fault() == Fault::cancelled && !is_cancellation(task_, error)) throw;
    try {
      delete_vms();
    } catch (const Error& left) {
      task_.warning(std::string("the errand's VM was not deleted: ") + left.what());
    }
    throw;
  }
  delete_vms();
  if (failure_) throw *failure_;
  const auto text = summary(rows_);
  const bool all_succeeded =
      std::all_of(rows_.begin(), rows_.end(), [](const Json& row) { return row.at("exit_code") == 0; });
  if (all_succeeded && !rows_.empty())
    services_.stores.errand_runs.record_success(deployment_.name, request_.errand, state_now(),
                                                services_.clock.now());
  return text;
}

void Errand::select() {
  const auto deployed = read_deployed(services_.stores, services_.settings.director_name, services_.clock,
                                      deployment_);
  auto selection = DeployedErrands(deployed.manifest, deployed.instances, deployed.releases).select(request_);
  if (selection.ambiguous) {
    task_.warning("Ambiguous request: the requested errand name '" + request_.errand +
                  "' matches both a job name and an errand instance group name. Executing errand on all relevant "
                  "instances with job '" +
                  request_.errand + "'.");
  }
  for (auto& target : selection.targets) {
    if (target.lifecycle || services_.stores.vms.active_of(target.instance.id)) {
      targets_.push_back(std::move(target));
    } else {
      task_.warning("Skipping instance: " + target.instance.group + "/" + target.instance.id.value +
                    " no matching VM reference was found");
    }
  }
}

// An errand group is deployed as it was last, with the one difference that it has a VM.
void Errand::plan() {
  for (const auto& target : targets_) {
    if (!target.lifecycle || runner_.has_run(target.instance.id)) continue;
    task_.checkpoint();
    DeployRequest request{
        .deployment = deployment_.name, .manifest = deployment_.manifest, .keep_manifest = true};
    request.options.only_group = request.options.errand_group = target.instance.group;
    request.options.only_instance = target.instance.id.value;
    auto deploy = std::make_unique<Deploy>(services_, templates_, task_, std::move(request));
    deploy->plan();
    deploys_.emplace_back(target.instance.id, std::move(deploy));
  }
}

// A task that has begun to run the errand does not ask again.
bool Errand::unchanged() {
  const auto last = services_.stores.errand_runs.last_success(deployment_.name, request_.errand);
  const bool begun = std::any_of(targets_.begin(), targets_.end(),
                                 [&](const Target& target) { return runner_.has_run(target.instance.id); });
  if (!last || begun) return false;
  std::map<InstanceId, Json> specs;
  for (const auto& target : targets_) specs[target.instance.id] = target.instance.spec;
  for (const auto& [id, deploy] : deploys_) specs[id] = deploy->planned_spec(id);
  return state_hash(specs) == *last;
}

std::string Errand::state_now() {
  std::map<InstanceId, Json> specs;
  for (const auto& target : targets_) {
    if (const auto instance = services_.stores.instances.find(target.instance.id))
      specs[instance->id] = instance->spec;
  }
  return state_hash(specs);
}

void Errand::create_vms() {
  for (const auto& [id, deploy] : deploys_) {
    deploy->change();
    if (services_.stores.vms.active_of(id)) continue;
    throw Error(Fault::conflict,
                "the errand's instance " + id.value + " gets no VM: it is ignored, or not to be started",
                code::errand_not_runnable);
  }
}

void Errand::run_all() {
  std::vector<std::optional<Json>> rows(targets_.size());
  std::vector<std::optional<Error>> failures(targets_.size());
  parallel_for(targets_.size(), services_.settings.max_parallel, [&](std::size_t i) {
    const auto& target = targets_[i];
    const auto vm = services_.stores.vms.active_of(target.instance.id);
    try {
      rows[i] = runner_.run(target, vm ? vm->agent : AgentId{});
    } catch (const Error& error) {
      // What others say is wanted all the same, unless the director stops.
      if (error.fault() == Fault::cancelled && !is_cancellation(task_, error)) throw;
      failures[i] = error.within("errand '" + request_.errand + "' on " + target.instance.group + "/" +
                                 target.instance.id.value);
    }
  });
  for (auto& row : rows) {
    if (!row) continue;
    task_.result_line(dump(*row));
    rows_.push_back(std::move(*row));
  }
  task_.checkpoint();
  for (auto& failure : failures) {
    if (failure && !failure_) failure_ = std::move(failure);
  }
}

// Only the errand's VM goes; its instance keeps its address and its disk.
void Errand::delete_vms() {
  std::vector<InstanceId> ids;
  std::vector<std::string> groups;
  for (const auto& target : targets_) {
    const bool has_vm = !services_.stores.vms.of_instance(target.instance.id).empty();
    if (request_.keep_alive || !target.lifecycle || !has_vm) continue;
    ids.push_back(target.instance.id);
    groups.push_back(target.instance.group);
  }
  if (ids.empty()) return;
  auto quiet = task_.undisturbed();
  TaskContext::Stage stage(quiet, "Deleting errand instances", static_cast<int>(ids.size()), groups);
  parallel_for(ids.size(), services_.settings.max_parallel,
               [&](std::size_t i) { delete_vm(ids[i], quiet, stage); });
}

void Errand::delete_vm(const InstanceId& id, TaskContext& task, TaskContext::Stage& stage) {
  auto found = stored_instance(services_.stores, id);
  if (!found) return;
  stage.run(found->record.name(), [&](TaskContext::Step& step) {
    if (found->vm) {
      try {
        services_.agents.request(found->vm->agent, "ping", Json::array(), services_.settings.state_wait);
      } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        found->responsive = false;
      }
      InstanceUpdater(services_, task, deployment_.name).give_up_vm(*found, false, Json(), step);
    }
    // Those of attempts that died.
    VmSteps vms(services_, task);
    for (const auto& vm : services_.stores.vms.of_instance(id)) vms.remove(vm);
  });
}

}  // namespace

Deployed read_deployed(Stores& stores, const std::string& director_name, Clock& clock,
                       const DeploymentRecord& deployment) {
  if (deployment.manifest.empty()) {
    throw Error(Fault::conflict,
                "deployment '" + deployment.name + "' has not been deployed with success yet; deploy it first",
                code::invalid_property);
  }
  Deployed deployed;
  const Variables variables(stores.variable_values, director_name, clock);
  deployed.manifest =
      parse_manifest(variables.interpolate(parse_yaml(deployment.manifest, "manifest"), deployment.name));
  deployed.instances = stores.instances.of_deployment(deployment.name);
  for (const auto id : stores.deployments.release_ids(deployment.name)) {
    if (auto release = stores.releases.find(id)) deployed.releases.push_back(std::move(*release));
  }
  return deployed;
}

std::string run_errand(Services& services, JobTemplateCache& templates, TaskContext& task,
                       const std::string& deployment, const ErrandRequest& request) {
  const auto lock = services.locks.acquire("lock:deployment:" + deployment, task.task().id, 10s);
  auto record = services.stores.deployments.find(deployment);
  if (!record)
    throw Error(Fault::not_found, "deployment '" + deployment + "' does not exist", deployment_not_found);
  remove_expired_blobs(services);
  return Errand(services, templates, task, std::move(*record), request).run();
}

}  // namespace slipway::director
