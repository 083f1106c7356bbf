#include "director/executor/instance_updater.hpp"

#include "director/executor/care/snapshot_steps.hpp"
#include "director/executor/dns.hpp"
#include "director/executor/named_disks.hpp"
#include "director/executor/recorded_action.hpp"
#include "director/executor/rendered_archives.hpp"

namespace slipway::director {

namespace {

// The apply spec of a VM that has its identity and no jobs yet: an empty configuration hash
// tells the agent to store it and start nothing.
Json identity_only(const Json& spec) {
  Json partial = spec;
  partial["job"] = {
      {"name", spec.value("name", "")}, {"template", ""}, {"version", ""}, {"templates", Json::array()}};
  partial["packages"] = Json::object();
  partial["configuration_hash"] = "";
  partial.erase("rendered_templates_archive");
  return partial;
}

}  // namespace

VmOrder InstanceUpdater::order_for(const InstanceJob& job) const {
  const auto& planned = *job.planned;
  VmOrder order;
  order.deployment = deployment_;
  order.group = planned.group;
  order.instance = planned.id;
  order.instance_name = planned.group + "/" + planned.id.value;
  order.index = planned.index;
  order.az = planned.az;
  order.cpi = planned.cpi;
  order.stemcell = planned.stemcell;
  order.cloud_properties = planned.vm_cloud_properties;
  order.networks = planned.networks;
  order.env = planned.env;
  order.tags = planned.tags;
  if (job.actual) {
    for (const auto& disk : job.actual->disks) order.disks.push_back(disk.cid);
  }
  return order;
}

void InstanceUpdater::mark_dirty(const PlannedInstance& planned) {
  auto record = services_.stores.instances.find(planned.id);
  if (!record) throw Error(Fault::internal, "instance " + planned.name() + " has no row");
  record->update_completed = false;
  services_.stores.instances.update(*record);
}

void InstanceUpdater::record_done(const InstanceJob& job, const Json& spec) {
  auto record = services_.stores.instances.find(job.planned->id);
  record->group = job.planned->group;
  record->index = job.planned->index;
  record->bootstrap = job.planned->bootstrap;
  record->az = job.planned->az;
  record->state = job.planned->state;
  record->spec = spec;
  record->dns_names = job.planned->dns_names;
  record->update_completed = true;
  services_.stores.instances.update(*record);
}

VmRecord InstanceUpdater::create_vm(const InstanceJob& job) {
  mark_dirty(*job.planned);
  auto vm = vms_.create(order_for(job));
  services_.stores.vms.set_active(vm.agent);
  take_over(job, vm);
  return vm;
}

// From a VM that answers to one that is the instance's, but for its jobs.
void InstanceUpdater::take_over(const InstanceJob& job, const VmRecord& vm) {
  ensure_disks(job, vm);
  vms_.settle(vm, disk_associations(services_.stores.disks, vm.instance));
  steps_.apply(vm, identity_only(job.apply_spec));
}

void InstanceUpdater::carry_on(const InstanceJob& job, TaskContext::Step& step) {
  mark_dirty(*job.planned);
  const auto vm = services_.stores.vms.active_of(job.planned->id);
  if (!vm) throw Error(Fault::internal, "instance " + job.planned->name() + " has no VM to carry on with");
  steps_.stop(vm->agent, {.skip_drain = true}, step);
  take_over(job, *vm);
  bring_up(job, *vm, step);
  record_done(job, job.apply_spec);
}

VmRecord InstanceUpdater::create_spare(const InstanceJob& job) {
  auto vm = vms_.create(order_for(job));
  vms_.settle(vm);
  steps_.apply(vm, identity_only(job.apply_spec));
  return vm;
}

// The old VM goes only when the new one runs: until its jobs are stopped it serves.
void InstanceUpdater::swap_vm(const InstanceJob& job, TaskContext::Step& step) {
  const auto& old = *job.actual->vm;
  step.status("creating VM");
  const auto fresh = create_spare(job);
  step.status("installing packages");
  steps_.prepare(fresh, job.apply_spec);
  StopRequest request;
  request.next.keep_vm = false;
  request.skip_drain = job.skip_drain;
  request.next_spec = job.apply_spec;
  steps_.stop(old.agent, request, step);
  take_snapshots(job.planned->id);
  step.status("swapping VMs");
  for (const auto& disk : job.actual->disks) {
    if (disk.state == DiskState::active) steps_.detach(old, disk, true);
  }
  ensure_disks(job, fresh);
  // From here on the new one is the instance's, and whoever comes back after a crash goes on with it.
  services_.stores.vms.set_active(fresh.agent);
  publish_dns(services_, task_);  // its addresses are others
  bring_up(job, fresh, step);
  step.status("deleting VM");
  vms_.remove(old);
}

// Afterwards the instance has exactly the disks it shall have: the one without a name mounted, the named ones linked.
void InstanceUpdater::ensure_disks(const InstanceJob& job, const VmRecord& vm) {
  auto& disks = services_.stores.disks;
  const auto& planned = *job.planned;
  bool any_named = false;
  for (const auto& wanted : planned.disks) {
    ensure_disk(job, wanted, vm);
    any_named = any_named || !wanted.name.empty();
  }
  for (const auto& disk : disks.of_instance(planned.id)) {
    any_named = any_named || !disk.name.empty();
    if (disk.state == DiskState::active && planned.find_disk(disk.name) == nullptr) disks.retire(disk.cid);
  }
  // Before any goes: a link to a disk that is gone would be one to whatever takes its device.
  if (any_named) steps_.associate_disks(vm);
  // What was replaced, now or before an interruption.
  for (const auto& disk : disks.of_instance(planned.id)) {
    if (disk.state != DiskState::inactive) continue;
    steps_.detach(vm, disk, true);
    steps_.orphan_disk(disk);
  }
}

void InstanceUpdater::ensure_disk(const InstanceJob& job, const PlannedDisk& wanted, const VmRecord& vm) {
  auto& disks = services_.stores.disks;
  const auto& planned = *job.planned;
  std::optional<DiskRecord> current;
  for (auto& disk : disks.of_instance(planned.id)) {
    if (disk.state == DiskState::active && disk.name == wanted.name) current = std::move(disk);
  }
  const bool given_up = current && job.change != nullptr &&
                        std::any_of(job.change->disks.begin(), job.change->disks.end(),
                                    [&](const DiskChange& one) { return one.given_up == current->cid; });
  if (current && wanted.is(*current) && !given_up) {
    steps_.attach(vm, *current);
  } else if (current) {
    steps_.replace_disk(planned, wanted, deployment_, vm, *current);
  } else {
    const auto fresh = steps_.create_disk(planned, wanted, deployment_, vm);
    // Beside one that is still mounted the new one would be mounted as what to migrate to, and stay there.
    steps_.let_go_of_unused(vm, fresh);
    steps_.attach(vm, fresh);
    disks.activate(fresh.cid);
  }
}

void InstanceUpdater::update(const InstanceJob& job, TaskContext::Step& step) {
  auto& stores = services_.stores;
  const auto& change = *job.change;
  if (change.action == Action::none) return;
  mark_dirty(*job.planned);
  stores.journal.begin(task_.task().id, "update", job.planned->id.value, Json::object(), services_.clock.now());
  const bool detach = job.planned->state == InstanceState::detached;
  if (detach) {
    if (job.actual && job.actual->vm)
      give_up_vm(*job.actual, job.skip_drain, Json(), step);  // nothing to do without one
    record_done(job, job.apply_spec);
    return;
  }
  if (change.action == Action::recreate && job.planned->swap) {
    swap_vm(job, step);
    record_done(job, job.apply_spec);
    return;
  }
  if (change.action == Action::recreate && job.actual && job.actual->vm) {
    give_up_vm(*job.actual, job.skip_drain, job.apply_spec, step);
  }
  auto vm = stores.vms.active_of(job.planned->id);
  if (!vm) {
    step.status("creating VM");
    create_vm(job);
    publish_dns(services_, task_);  // before its jobs start: a fresh node knows no names
    vm = stores.vms.active_of(job.planned->id);
    bring_up(job, *vm, step);
  } else if (change.action == Action::update) {
    update_in_place(job, *vm, step);
  } else if (change.action == Action::metadata) {
    vms_.describe(order_for(job), *vm);
  } else {
    bring_up(job, *vm, step);
  }
  record_done(job, job.apply_spec);
}

void InstanceUpdater::take_snapshots(const InstanceId& id) {
  const auto record = services_.stores.instances.find(id);
  if (record) SnapshotSteps(services_, task_).take(*record, true);
}

void InstanceUpdater::update_in_place(const InstanceJob& job, const VmRecord& vm, TaskContext::Step& step) {
  step.status("installing packages");
  steps_.prepare(vm, job.apply_spec);
  StopRequest request;
  request.skip_drain = job.skip_drain;
  request.next_spec = job.planned->state == InstanceState::started ? job.apply_spec : Json();
  steps_.stop(vm.agent, request, step);
  take_snapshots(job.planned->id);
  // After an update that did not finish anything may be missing, what makes the VM whole included.
  const bool unfinished = job.actual && !job.actual->record.update_completed;
  if (job.change->needs_disk_change || unfinished) {
    step.status("changing disk");
    ensure_disks(job, vm);
  }
  vms_.settle(vm, disk_associations(services_.stores.disks, vm.instance));
  bring_up(job, vm, step);
}

void InstanceUpdater::bring_up(const InstanceJob& job, const VmRecord& vm, TaskContext::Step& step) {
  step.status("applying jobs");
  steps_.apply(vm, job.apply_spec);
  if (job.planned->state != InstanceState::started) return;
  std::optional<WatchTime> watch;
  if (job.wait_until_running) {
    watch = job.canary ? job.group->update.canary_watch_time : job.group->update.update_watch_time;
  }
  steps_.start(vm.agent, watch, step);
}

void InstanceUpdater::give_up_vm(const ActualInstance& instance, bool skip_drain, const Json& next_spec,
                                 TaskContext::Step& step) {
  const auto& vm = *instance.vm;
  if (instance.responsive) {
    StopRequest request;
    request.next.keep_vm = false;
    request.skip_drain = skip_drain;
    request.next_spec = next_spec;
    steps_.stop(vm.agent, request, step);
    take_snapshots(instance.record.id);
  }
  if (hold(instance, step)) return;
  step.status("deleting VM");
  for (const auto& disk : instance.disks) {
    if (vm.cid) detach_before_removal(vm, disk, instance.responsive);
  }
  vms_.remove(vm);
}

// Off first: a VM that may still run keeps its disk and its address. Each of the three steps repeats safely, and only
// the last, which the store does in one go, makes it nobody's: whoever dies before it holds the same VM again.
bool InstanceUpdater::hold(const ActualInstance& instance, TaskContext::Step& step) {
  const auto& settings = services_.settings.failed_vms;
  const auto& vm = *instance.vm;
  if (failed_ == FailedVm::deleted || settings.hold.count() == 0 || instance.responsive || !vm.cid) return false;
  step.status("holding VM");
  try {
    recorded(services_, task_, {"hold", "vm", vm.cid->value, deployment_, instance_path(instance.record)},
             [&](EventSubject&) {
               std::size_t held = 0;
               for (const auto& orphan : services_.stores.orphaned_vms.all())
                 held += orphan.deployment == deployment_ && orphan.kept_until ? 1 : 0;
               if (held >= settings.held_per_deployment)
                 throw Error(Fault::exhausted, std::to_string(held) + " VMs of the deployment are held already");
               vms_.cpi(vm.cpi)->power_off_vm(*vm.cid);
               for (const auto& disk : instance.disks) steps_.detach(vm, disk, false);
               vms_.orphan(vm, services_.clock.now() + settings.hold);
             });
    return true;
  } catch (const Error& error) {
    if (error.fault() == Fault::cancelled) throw;
    task_.warning("VM " + vm.cid->value + " is deleted and not held: " + error.what());
    return false;
  }
}

// A silent VM may run and hold its disk fast. Then it lets go with its end: no cloud deletes persistent disks
// with a VM that it was not told to, and the new VM is made only when the old one is gone.
void InstanceUpdater::detach_before_removal(const VmRecord& vm, const DiskRecord& disk, bool agent_answers) {
  try {
    steps_.detach(vm, disk, agent_answers);
  } catch (const Error& error) {
    if (agent_answers || error.fault() == Fault::cancelled) throw;
    task_.warning(std::string(error.what()) + "; it is freed when the VM is deleted");
  }
}

void InstanceUpdater::remove(const ActualInstance& instance, const RemoveRequest& request,
                             TaskContext::Step& step) {
  auto& stores = services_.stores;
  const auto unless_forced = [&](const std::string& doing, const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      if (!request.force || error.fault() == Fault::cancelled) throw;
      task_.warning(doing + error.what());
      return false;
    }
    return true;
  };
  // When this fails half-way the instance is not what it was: its disk may be off, and a deploy has to see to that.
  auto record = instance.record;
  record.update_completed = false;
  stores.instances.update(record);
  // Jobs that may still run keep their disk until their VM's end.
  bool stopped = false;
  if (instance.vm && instance.responsive) {
    StopRequest stop;
    stop.next = {.keep_vm = false, .keep_instance = false, .keep_deployment = request.keep_deployment};
    stop.skip_drain = request.skip_drain;
    stopped = unless_forced("stopping " + instance.record.group + "/" + instance.record.id.value + ": ",
                            [&] { steps_.stop(instance.vm->agent, stop, step); });
  }
  if (instance.vm && instance.vm->cid) {
    for (const auto& disk : instance.disks) {
      unless_forced("", [&] { steps_.detach(*instance.vm, disk, stopped); });
    }
  }
  // With its VM go those of attempts that died.
  for (const auto& vm : stores.vms.of_instance(instance.record.id)) {
    step.status("deleting VM");
    vms_.remove(vm);
  }
  for (const auto& disk : stores.disks.of_instance(instance.record.id)) {
    if (request.delete_disks) {
      steps_.delete_disk(disk);
    } else {
      steps_.orphan_disk(disk);
    }
  }
  // The row goes last: it names what else there is.
  const auto archive = RenderedArchives::of(instance.record.spec);
  if (!archive.empty()) services_.blobs.remove(archive);
  stores.instances.remove(instance.record.id);
}

}  // namespace slipway::director
