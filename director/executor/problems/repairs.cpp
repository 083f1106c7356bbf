#include "director/executor/problems/repairs.hpp"

#include <algorithm>

#include "director/executor/problems/failure_bundle.hpp"
#include "director/executor/problems/stored_instance.hpp"
#include "director/executor/recorded_action.hpp"
#include "director/executor/world.hpp"

namespace slipway::director {

namespace {

// True: go on. False: an earlier attempt has done it.
bool needed(bool still_there, const Attempt& attempt, const std::string& why_not) {
  if (still_there) return true;
  if (attempt.resumed) return false;
  throw Error(Fault::conflict, why_not + ", skipping resolution");
}

const VmRecord& vm_of(const ActualInstance& instance) {
  if (instance.vm && instance.vm->cid) return *instance.vm;
  throw Error(Fault::conflict, "instance " + instance.record.name() + " has no VM, skipping resolution");
}

}  // namespace

void Repairs::apply(const ProblemRecord& problem, Repair repair, const Attempt& attempt,
                    TaskContext::Step& step) {
  switch (repair) {
    case Repair::ignore: return;
    case Repair::recreate_vm: return recreate_vm(problem, attempt, true, step);
    case Repair::recreate_vm_without_wait: return recreate_vm(problem, attempt, false, step);
    case Repair::reboot_vm: return reboot_vm(problem, attempt);
    case Repair::delete_vm: return delete_vm(problem, attempt, step);
    case Repair::delete_vm_reference: return delete_vm_reference(problem, attempt);
    case Repair::reattach_disk: return reattach_disk(problem, attempt, false);
    case Repair::reattach_disk_and_reboot: return reattach_disk(problem, attempt, true);
    case Repair::delete_disk: return delete_disk(problem, attempt);
    case Repair::delete_disk_reference: return delete_disk_reference(problem, attempt, step);
    case Repair::activate_disk: return activate_disk(problem, attempt);
  }
}

ActualInstance Repairs::instance_of(const ProblemRecord& problem) {
  auto found = stored_instance(services_.stores, problem.instance);
  if (!found) throw Error(Fault::conflict, "its instance does not exist any more, skipping resolution");
  look_ = found->vm && found->vm->cid ? look_at_agent(services_, found->vm->agent) : AgentLook();
  found->responsive = look_.answers;
  return std::move(*found);
}

bool Repairs::vm_still_broken(const ProblemRecord& problem, const Attempt& attempt,
                              const ActualInstance& instance) {
  if (problem.type == ProblemType::full_disk || problem.type == ProblemType::failing_jobs) {
    // An earlier attempt may have deleted it.
    if (!instance.responsive && attempt.resumed) return true;
    if (!instance.responsive) throw Error(Fault::conflict, "Agent does not respond any more, skipping resolution");
    return problem.type == ProblemType::full_disk ? needed(!look_.full_disk.empty(), attempt, "Disk has room again")
                                                  : needed(look_.failing_jobs, attempt, "Jobs are running again");
  }
  if (!needed(!instance.responsive, attempt, "Agent is responding now")) return false;
  if (problem.type != ProblemType::missing_vm || !instance.vm) return true;
  return needed(vm_exists(services_, task_, *instance.vm) != Existence::yes, attempt,
                "VM is in the cloud again, though its agent does not respond");
}

// A VM of another agent than before is what an earlier attempt made. It may be anything between
// just created and finished; where it answers, it is carried on with.
void Repairs::recreate_vm(const ProblemRecord& problem, const Attempt& attempt, bool wait,
                          TaskContext::Step& step) {
  const auto instance = instance_of(problem);
  InstanceUpdater updater(services_, task_, deployment_, FailedVm::held);
  const bool made_anew = attempt.resumed && instance.vm && instance.vm->agent.value != attempt.agent_before;
  if (made_anew && instance.record.update_completed) return;
  const StoredInstance stored(services_, instance);
  if (made_anew && instance.responsive) return updater.carry_on(stored.recreation(wait), step);
  if (!made_anew && !vm_still_broken(problem, attempt, instance)) return;
  FailureBundle(services_, task_).gather(instance, problem.summary(), step);
  updater.update(stored.recreation(wait), step);
}

void Repairs::reboot_vm(const ProblemRecord& problem, const Attempt& attempt) {
  const auto instance = instance_of(problem);
  if (!vm_still_broken(problem, attempt, instance)) return;
  reboot_and_wait(instance, "Agent still unresponsive after reboot");
}

void Repairs::reboot_and_wait(const ActualInstance& instance, const std::string& when_silent) {
  const auto& vm = vm_of(instance);
  recorded(services_, task_, {"reboot", "vm", vm.cid->value, deployment_, instance_path(instance.record)},
           [&](EventSubject&) {
             vms_.cpi(vm.cpi)->reboot_vm(*vm.cid);
             try {
               vms_.agent(vm.agent).wait_until_ready(services_.settings.reboot_wait);
             } catch (const Error& error) {
               if (error.fault() != Fault::retryable) throw;
               throw Error(Fault::internal, when_silent);
             }
           });
}

void Repairs::delete_vm(const ProblemRecord& problem, const Attempt& attempt, TaskContext::Step& step) {
  const auto instance = instance_of(problem);
  if (attempt.resumed && !instance.vm) return;
  if (!vm_still_broken(problem, attempt, instance)) return;
  vm_of(instance);
  FailureBundle(services_, task_).gather(instance, problem.summary(), step);
  InstanceUpdater(services_, task_, deployment_, FailedVm::held).give_up_vm(instance, true, Json(), step);
}

// What is certainly gone is forgotten; what may still be there becomes an orphan, which is shown and
// deleted as soon as the cloud lets it.
void Repairs::delete_vm_reference(const ProblemRecord& problem, const Attempt& attempt) {
  const auto instance = instance_of(problem);
  if (!instance.vm) return;
  if (!vm_still_broken(problem, attempt, instance)) return;
  const auto& vm = *instance.vm;
  if (problem.type == ProblemType::missing_vm || !vm.cid) {
    services_.access.forbid(vm.agent);
    services_.stores.vms.remove(vm.agent);
    return;
  }
  for (const auto& disk : instance.disks) {
    try {
      steps_.detach(vm, disk, false);
    } catch (const Error& error) {
      if (error.fault() == Fault::cancelled) throw;
      task_.warning(error.what());
    }
  }
  vms_.orphan(vm);
}

std::optional<DiskRecord> Repairs::disk_of(const ProblemRecord& problem, const ActualInstance& instance,
                                           DiskState state) const {
  for (const auto& disk : instance.disks) {
    if (disk.cid == problem.disk && disk.state == state) return disk;
  }
  return std::nullopt;
}

void Repairs::reattach_disk(const ProblemRecord& problem, const Attempt& attempt, bool reboot) {
  const auto instance = instance_of(problem);
  const auto disk = disk_of(problem, instance, DiskState::active);
  if (!disk) throw Error(Fault::conflict, "the disk is not the instance's active one any more");
  const auto& vm = vm_of(instance);
  const auto there = instance.responsive ? disk_is_there(services_, task_, vm, *disk) : std::nullopt;
  if (!there && (!instance.responsive || disk->name.empty()))
    throw Error(Fault::conflict, "VM '" + vm.cid->value + "' is not responding");
  if (needed(!there.value_or(false), attempt,
             disk->name.empty() ? "Disk is mounted on its VM now" : "Disk is attached to its VM now")) {
    recorded(services_, task_, {"attach", "disk", disk->cid.value, deployment_, instance_path(instance.record)},
             [&](EventSubject&) { steps_.attach(vm, *disk); });
  }
  if (!disk->name.empty()) steps_.associate_disks(vm);
  // Whether an earlier attempt came to it is not known; twice does no harm.
  if (reboot) reboot_and_wait(instance, "Agent is unresponsive after the reboot");
}

void Repairs::delete_disk(const ProblemRecord& problem, const Attempt& attempt) {
  const auto instance = instance_of(problem);
  const auto disk = disk_of(problem, instance, DiskState::inactive);
  if (!needed(disk.has_value(), attempt, "Disk is no longer inactive")) return;
  if (instance.vm && instance.vm->cid) {
    const auto mounted = mounted_disks(services_, task_, instance.vm->agent);
    if (!mounted) throw Error(Fault::conflict, "VM '" + instance.vm->cid->value + "' is not responding");
    if (std::find(mounted->begin(), mounted->end(), disk->cid.value) != mounted->end())
      throw Error(Fault::conflict, "Disk is currently in use");
    steps_.detach(*instance.vm, *disk, true);
  }
  steps_.orphan_disk(*disk);
  // Whoever made it inactive may have died before its link was gone.
  if (!disk->name.empty() && instance.responsive) steps_.associate_disks(*instance.vm);
}

// The jobs of a lost disk are stopped before it is unmounted. They stay so: whether the instance gets a
// new, empty disk is for the next deploy to say.
void Repairs::delete_disk_reference(const ProblemRecord& problem, const Attempt& attempt,
                                    TaskContext::Step& step) {
  auto instance = instance_of(problem);
  const auto found = std::find_if(instance.disks.begin(), instance.disks.end(),
                                  [&](const DiskRecord& disk) { return disk.cid == problem.disk; });
  if (!needed(found != instance.disks.end(), attempt, "Disk is no longer the instance's")) return;
  if (!needed(disk_exists(services_, task_, *found) != Existence::yes, attempt, "Disk is in the cloud again")) return;
  if (instance.vm && instance.vm->cid) {
    const auto mounted = instance.responsive ? mounted_disks(services_, task_, instance.vm->agent) : std::nullopt;
    const bool unmount = mounted && std::find(mounted->begin(), mounted->end(), found->cid.value) != mounted->end();
    // Whether its jobs use a named one nobody but them can tell.
    const bool may_be_used = mounted && !found->name.empty() && found->state == DiskState::active;
    if (unmount || may_be_used) {
      instance.record.update_completed = false;
      services_.stores.instances.update(instance.record);
      steps_.stop(instance.vm->agent, {.skip_drain = true}, step);
    }
    steps_.detach(*instance.vm, *found, instance.responsive);
  }
  steps_.orphan_disk(*found);
  if (!found->name.empty() && instance.responsive) steps_.associate_disks(*instance.vm);
}

void Repairs::activate_disk(const ProblemRecord& problem, const Attempt& attempt) {
  const auto instance = instance_of(problem);
  const auto disk = disk_of(problem, instance, DiskState::inactive);
  if (!needed(disk.has_value(), attempt, "Disk is no longer inactive")) return;
  const auto there = instance.responsive ? disk_is_there(services_, task_, *instance.vm, *disk) : std::nullopt;
  const bool named = !disk->name.empty();
  if (!there.value_or(false)) throw Error(Fault::conflict, named ? "Disk is not attached" : "Disk is not mounted");
  if (instance.active_disk(disk->name) != nullptr)
    throw Error(Fault::conflict, "Instance already has an active disk" + (named ? " '" + disk->name + "'" : std::string()));
  services_.stores.disks.set_state(disk->cid, DiskState::active, services_.clock.now());
  if (named) steps_.associate_disks(*instance.vm);
}

}  // namespace slipway::director
