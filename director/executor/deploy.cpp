#include "director/executor/deploy.hpp"

#include <algorithm>
#include <set>

#include "base/parallel.hpp"
#include "base/yaml.hpp"
#include "director/executor/compiler.hpp"
#include "director/executor/dns.hpp"
#include "director/executor/world.hpp"
#include "director/planner/forecast.hpp"
#include "director/planner/resolve.hpp"

namespace slipway::director {

using namespace std::chrono_literals;

namespace {

constexpr int reserve_tries = 5;

}  // namespace

Json Deploy::parse() {
  Json manifest = parse_yaml(request_.manifest, "manifest");
  if (!manifest.is_object() || !manifest.contains("name") || !manifest["name"].is_string()) {
    throw Error(Fault::invalid, "manifest: 'name' is missing; it has to be the deployment's name", 190014);
  }
  const auto name = manifest["name"].get<std::string>();
  if (request_.deployment.empty()) request_.deployment = name;
  if (request_.deployment != name) {
    throw Error(Fault::invalid,
                "manifest: name is '" + name + "' where deployment '" + request_.deployment + "' is meant",
                440001);
  }
  return manifest;
}

std::string Deploy::run() {
  const Json manifest = parse();
  const auto lock = services_.locks.acquire("lock:deployment:" + request_.deployment, task_.task().id, 10s);
  plan(manifest);
  if (request_.options.dry_run) {
    report();
  } else {
    change();
    finish();
  }
  return "/deployments/" + request_.deployment;
}

// An attempt that died further on may have left archives when this one ends before it comes to them.
void Deploy::plan(const Json& manifest) {
  try {
    make_plan(manifest);
  } catch (...) {
    if (!request_.options.dry_run) archives_.remove_unused();
    throw;
  }
}

void Deploy::make_plan(const Json& manifest) {
  TaskContext::Stage stage(task_, "Preparing deployment", 1);
  stage.run("Preparing deployment", [&](TaskContext::Step&) {
    prepare(manifest);
    if (!request_.options.dry_run) reserve();
    try {
      render();
    } catch (...) {
      give_back();
      throw;
    }
  });
  if (!request_.options.dry_run) {
    if (some_are_silent()) decide_changes();  // refuses before minutes are spent on compiling
    const auto used = uses();
    services_.stores.deployments.add_uses(request_.deployment, used.release_ids, used.stemcell_ids);
    compile();
  }
  decide_changes();
}

void Deploy::change() {
  try {
    carry_out();
  } catch (...) {
    archives_.remove_unused();
    throw;
  }
  archives_.remove_unused();
}

void Deploy::carry_out() {
  tell_decisions();
  remove_obsolete();
  take_over_addresses();
  PackageFetches packages(services_, task_, in_turn(create_missing()));
  publish_dns(services_, task_);
  update_partitions(packages);
}

// What earlier attempts left.
void Deploy::clear_away() {
  VmSteps(services_, task_).finish_removals(request_.deployment);
  try {
    InstanceSteps(services_, task_).remove_unknown_disks(request_.deployment);
  } catch (const cpi::CpiError& error) {
    task_.warning(std::string("a disk may be left in the cloud: ") + error.what() + "; the next deploy looks again");
  }
}

void Deploy::prepare(const Json& manifest) {
  auto& stores = services_.stores;
  if (!request_.options.dry_run) {
    stores.deployments.find_or_create(request_.deployment, services_.clock.now());
    if (!request_.keep_manifest) {
      stores.deployments.record_attempt(request_.deployment, request_.manifest, services_.clock.now());
    }
  }
  const auto use = request_.keep_manifest     ? VariableUse::pinned
                   : request_.options.dry_run ? VariableUse::preview
                                              : VariableUse::generate;
  if (manifest.contains("properties")) {
    task_.deprecation("'properties' at the top of the manifest are deprecated: give each job its own");
  }
  auto inputs = read_inputs(services_, request_.deployment, manifest, request_.configs, use);
  variable_ids_ = std::move(inputs.variable_ids);
  cloud_config_ids_ = std::move(inputs.cloud_config_ids);
  runtime_config_ids_ = std::move(inputs.runtime_config_ids);
  desired_.cloud = std::move(inputs.cloud);
  desired_.manifest = std::move(inputs.manifest);
  desired_.options = request_.options;
  if (!request_.options.dry_run) clear_away();
  world_ = read_world(services_, task_, request_.deployment, desired_.manifest);
  world_.dns_numbers = read_dns_numbers(stores.dns_numbers, desired_.manifest.features);
  assign_instances();
}

void Deploy::assign_instances() {
  assignment_ = assign(desired_, world_, services_.random);
  VmSteps vms(services_, task_);
  for (auto& instance : assignment_.instances) {
    if (!instance.vm_resources) continue;
    const Json size = vms.cpi(instance.cpi)->calculate_vm_cloud_properties(*instance.vm_resources);
    instance.vm_cloud_properties = cloud_properties_of(desired_, instance, size);
  }
}

// New instances, their addresses and the numbers in their names are written down before anything is made for them.
// What another deployment took meanwhile means planning again with what is now known.
void Deploy::reserve() {
  auto& stores = services_.stores;
  for (int left = reserve_tries;; --left) {
    std::set<std::string> held;
    for (const auto& instance : world_.instances) {
      for (const auto& ip : instance.ips) held.insert(ip.address);
    }
    bool lost = false;
    for (const auto& planned : assignment_.instances) {
      if (planned.is_new) {
        InstanceRecord record{.id = planned.id,
                              .deployment = request_.deployment,
                              .group = planned.group,
                              .index = planned.index,
                              .bootstrap = planned.bootstrap,
                              .az = planned.az,
                              .state = planned.state,
                              .dns_names = planned.dns_names};
        stores.instances.insert(record);
        inserted_.push_back(planned.id);
      }
      for (const auto& ip : planned.ips) {
        if (held.contains(ip.address)) continue;
        if (!stores.ips.reserve(ip, services_.clock.now())) {
          lost = true;
          break;
        }
        reserved_.push_back(ip.address);
      }
      if (lost) break;
    }
    // After the instances: with the row of one goes its number.
    if (!lost && record_dns_numbers(stores.dns_numbers, assignment_.dns_numbers)) {
      // Names of before may be used until the last instance is updated.
      stores.dns_link_groups.add(request_.deployment, assignment_.link_groups);
      return;
    }
    give_back();
    if (left <= 1)
      throw Error(Fault::retryable, "other deployments keep taking the addresses planned for this one",
                  130011);
    world_.reserved_ips = stores.ips.all();
    world_.dns_numbers = read_dns_numbers(stores.dns_numbers, desired_.manifest.features);
    assign_instances();
  }
}

void Deploy::give_back() {
  for (const auto& address : reserved_) services_.stores.ips.release(address);
  for (const auto& id : inserted_) services_.stores.instances.remove(id);
  reserved_.clear();
  inserted_.clear();
}

void Deploy::render() {
  const ReleaseIndex releases(world_.releases);
  rendered_ = render_all(services_, templates_, releases, assignment_);
  for (std::size_t i = 0; i < rendered_.size(); ++i) {
    planned_[assignment_.instances[i].id] = &assignment_.instances[i];
    rendered_by_id_[assignment_.instances[i].id] = &rendered_[i];
  }
  for (const auto& instance : world_.instances) actual_[instance.record.id] = &instance;
}

// All that the manifest lists, whether or not an instance runs a job of theirs, and those of runtime
// configs from which an addon runs.
std::vector<UsedRelease> Deploy::releases_in_use() const {
  std::vector<UsedRelease> used;
  Problems told_before;
  const ChosenVersions resolution(desired_.manifest, world_, told_before);
  for (const auto& wish : desired_.manifest.releases) {
    if (const auto* found = resolution.release(wish.name)) used.push_back({found->record, wish.exported_from});
  }
  std::set<std::string> run;
  for (const auto& planned : assignment_.instances) {
    for (const auto& job : planned.jobs) run.insert(job.release);
  }
  for (const auto& added : desired_.manifest.runtime_releases) {
    if (!run.contains(added.name) || desired_.manifest.find_release(added.name) != nullptr) continue;
    if (const auto* found = resolution.release(added.name)) used.push_back({found->record, added.exported_from});
  }
  return used;
}

Deploy::Uses Deploy::uses() const {
  std::set<std::int64_t> release_ids, stemcell_ids;
  for (const auto& used : releases_in_use()) release_ids.insert(used.record->id);
  for (const auto& planned : assignment_.instances) {
    for (const auto& stemcell : world_.stemcells) {
      const bool used = stemcell.name == planned.stemcell.name &&
                        stemcell.version == planned.stemcell.version && stemcell.cpi == planned.cpi;
      if (used) stemcell_ids.insert(stemcell.id);
    }
  }
  return {{release_ids.begin(), release_ids.end()}, {stemcell_ids.begin(), stemcell_ids.end()}};
}

void Deploy::compile() {
  Compiler compiler(services_, task_, request_.deployment, desired_.cloud, world_, releases_in_use());
  compiled_ = compiler.compile(assignment_.packages);
}

// What was done once helps to say how long it will take.
void Deploy::timed(const std::string& group, const std::string& action, const std::function<void()>& work) {
  const auto begun = services_.clock.monotonic();
  work();
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(services_.clock.monotonic() - begun);
  services_.stores.change_durations.add(request_.deployment, {group, action, took});
}

bool Deploy::skips_drain(const std::string& group) const {
  const auto& list = request_.options.skip_drain;
  return std::find(list.begin(), list.end(), "*") != list.end() ||
         std::find(list.begin(), list.end(), group) != list.end();
}

InstanceJob Deploy::job_for(const InstanceId& id, bool canary) const {
  InstanceJob job;
  job.planned = planned_.at(id);
  job.change = changes_.at(id);
  if (const auto actual = actual_.find(id); actual != actual_.end()) job.actual = actual->second;
  job.group = desired_.manifest.find_group(job.planned->group);
  job.apply_spec = specs_.at(id);
  job.skip_drain = skips_drain(job.planned->group);
  job.canary = canary;
  return job;
}

void Deploy::remove_obsolete() {
  std::vector<const ActualInstance*> obsolete;
  for (const auto& change : plan_.changes) {
    if (change.action == Action::remove) obsolete.push_back(actual_.at(change.id));
  }
  if (obsolete.empty()) return;
  TaskContext::Stage stage(task_, "Deleting unneeded instances", static_cast<int>(obsolete.size()),
                           {obsolete.front()->record.group});
  InstanceUpdater updater(services_, task_, request_.deployment);
  // One after the other: members of a quorum leave in turn.
  for (const auto* instance : obsolete) {
    task_.between_instances();
    stage.run(instance->record.name(), [&](TaskContext::Step& step) {
      timed(instance->record.group, to_string(Action::remove), [&] {
        updater.remove(*instance, {.skip_drain = skips_drain(instance->record.group)}, step);
      });
    });
  }
}

// A static address may move from an instance that has just gone to one that stays.
void Deploy::take_over_addresses() {
  const bool any_left = std::any_of(plan_.changes.begin(), plan_.changes.end(),
                                    [](const auto& change) { return change.action == Action::remove; });
  if (!any_left) return;
  for (const auto& planned : assignment_.instances) {
    for (const auto& ip : planned.ips) {
      if (services_.stores.ips.reserve(ip, services_.clock.now())) continue;
      throw Error(
          Fault::conflict,
          "address " + ip.address + " planned for " + planned.name() + " was taken meanwhile; deploy again",
          130008);
    }
  }
}

std::map<InstanceId, VmRecord> Deploy::create_missing() {
  std::map<InstanceId, VmRecord> created;
  std::vector<InstanceId> missing;
  for (const auto& planned : assignment_.instances) {
    const auto change = changes_.find(planned.id);
    if (change == changes_.end() || change->second->action == Action::none) continue;
    const auto actual = actual_.find(planned.id);
    const Json current = actual == actual_.end() ? Json::object() : actual->second->record.spec;
    specs_[planned.id] = apply_spec(planned, *rendered_by_id_.at(planned.id), current);
    const bool is_missing = change->second->action == Action::create && planned.state != InstanceState::detached;
    const bool is_spare = change->second->action == Action::recreate && planned.swap;
    if (is_missing || is_spare) missing.push_back(planned.id);
  }
  if (missing.empty()) return created;
  for (const auto& id : missing) created[id];  // a place for each thread
  TaskContext::Stage stage(task_, "Creating missing vms", static_cast<int>(missing.size()));
  InstanceUpdater updater(services_, task_, request_.deployment);
  parallel_for(missing.size(), services_.settings.max_parallel, [&](std::size_t i) {
    task_.between_instances();
    const auto job = job_for(missing[i], false);
    stage.run(job.planned->name(), [&](TaskContext::Step&) {
      timed(job.planned->group, vm_creation, [&] {
        created.at(missing[i]) = job.planned->swap ? updater.create_spare(job) : updater.create_vm(job);
      });
    });
  });
  return created;
}

std::vector<PackageFetches::Fetch> Deploy::in_turn(const std::map<InstanceId, VmRecord>& created) const {
  std::vector<PackageFetches::Fetch> fetches;
  for (const auto& partition : plan_.partitions) {
    for (const auto& batch : partition) {
      for (const auto& id : batch.instances) {
        if (const auto vm = created.find(id); vm != created.end()) fetches.push_back({id, vm->second, specs_.at(id)});
      }
    }
  }
  return fetches;
}

void Deploy::update_batch(const Batch& batch, PackageFetches& packages, TaskContext::Stage& stage) {
  InstanceUpdater updater(services_, task_, request_.deployment);
  parallel_for(
      batch.instances.size(), static_cast<std::size_t>(std::max(1, batch.max_in_flight)), [&](std::size_t i) {
        task_.between_instances();
        const auto job = job_for(batch.instances[i], batch.canary);
        stage.run(job.planned->name() + (batch.canary ? " (canary)" : ""), [&](TaskContext::Step& step) {
          with_context("updating " + job.planned->group + "/" + job.planned->id.value, [&] {
            timed(job.planned->group, to_string(job.change->action), [&] {
              packages.wait_for(job.planned->id, step);
              updater.update(job, step);
            });
          });
        });
      });
}

// Groups of one partition run side by side, the batches of a group in their order. A recreated
// VM keeps its addresses, so the names other nodes know it by stay true meanwhile.
void Deploy::update_partitions(PackageFetches& packages) {
  for (const auto& partition : plan_.partitions) {
    std::vector<std::string> groups;
    std::map<std::string, std::vector<const Batch*>> by_group;
    std::map<std::string, int> totals;
    for (const auto& batch : partition) {
      if (!by_group.contains(batch.group)) groups.push_back(batch.group);
      by_group[batch.group].push_back(&batch);
      totals[batch.group] += static_cast<int>(batch.instances.size());
    }
    parallel_for(groups.size(), std::max<std::size_t>(groups.size(), 1), [&](std::size_t g) {
      TaskContext::Stage stage(task_, "Updating instance", totals.at(groups[g]), {groups[g]});
      for (const auto* batch : by_group.at(groups[g])) update_batch(*batch, packages, stage);
    });
  }
}

// Once all is done no instance needs a second VM: what there is was left by attempts that died, or
// stands for a plan that nobody wants any more.
void Deploy::remove_spares() {
  VmSteps vms(services_, task_);
  for (const auto& vm : services_.stores.vms.of_deployment(request_.deployment)) {
    if (!vm.instance.empty() && !vm.active) vms.remove(vm);
  }
}

void Deploy::finish() {
  auto& stores = services_.stores;
  stores.dns_link_groups.replace(request_.deployment, assignment_.link_groups);
  publish_dns(services_, task_);
  std::vector<AgentId> agents;
  for (const auto& planned : assignment_.instances) {
    const auto change = changes_.find(planned.id);
    const auto actual = actual_.find(planned.id);
    const bool changed = (change != changes_.end() && change->second->action != Action::none) ||
                         (actual != actual_.end() && actual->second->carried_out);
    if (!changed || planned.state != InstanceState::started) continue;
    if (const auto vm = stores.vms.active_of(planned.id)) agents.push_back(vm->agent);
  }
  InstanceSteps steps(services_, task_);
  parallel_for(agents.size(), services_.settings.max_parallel,
               [&](std::size_t i) { steps.run_script(agents[i], "post-deploy"); });

  remove_spares();
  for (const auto& address : assignment_.released_ips) stores.ips.release(address);
  auto deployment = stores.deployments.find_or_create(request_.deployment, services_.clock.now());
  deployment.manifest = request_.manifest;
  deployment.cloud_config_ids = cloud_config_ids_;
  deployment.runtime_config_ids = runtime_config_ids_;
  const auto used = uses();
  stores.deployments.record_success(deployment, used.release_ids, used.stemcell_ids, services_.clock.now());
  stores.variable_values.pin(request_.deployment, variable_ids_);
  stores.shared_links.replace(request_.deployment, assignment_.shared_links);
}

}  // namespace slipway::director
