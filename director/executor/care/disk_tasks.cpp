#include <algorithm>

#include "base/parallel.hpp"
#include "director/domain/names.hpp"
#include "director/executor/care/care_tasks.hpp"
#include "director/executor/instance_steps.hpp"
#include "director/executor/named_disks.hpp"
#include "director/executor/problems/checks.hpp"
#include "director/executor/recorded_action.hpp"
#include "director/executor/world.hpp"

namespace slipway::director {

using namespace std::chrono_literals;

namespace {

constexpr int disk_in_use = 390001;
constexpr int disk_missing = 390002;
constexpr int unknown_instance = 520001;
constexpr int invalid_instance_state = 520003;

void demand_stopped(const ActualInstance& instance, const std::string& what) {
  if (instance.record.state != InstanceState::started) return;
  throw Error(Fault::conflict,
              what + ": instance " + instance.record.name() + " is started; stop it first with `bosh stop`",
              invalid_instance_state);
}

// The instance that a disk is to be attached to.
ActualInstance receiver(Services& services, const TaskContext& task) {
  const auto deployment = task_argument(task, "deployment");
  auto instance = stored_instance(services.stores, InstanceId{task_argument(task, "instance")});
  if (!instance || instance->record.deployment != deployment || instance->record.group != task_argument(task, "group")) {
    throw Error(Fault::not_found,
                "Instance '" + task_argument(task, "group") + "/" + task_argument(task, "instance") + "' in deployment '" +
                    deployment + "' was not found",
                unknown_instance);
  }
  if (instance->record.ignore) {
    throw Error(Fault::conflict,
                "instance " + instance->record.name() + " is ignored; end the ignoring before attaching a disk",
                invalid_instance_state);
  }
  demand_stopped(*instance, "attaching a disk");
  return std::move(*instance);
}

// Which of the instance's disks it becomes. The request cannot say: what it was before decides, or that there is only
// one it can be.
std::string name_on(const ActualInstance& instance, const DiskCid& cid, const std::string& had) {
  const auto names = named_disks_in(instance.record.spec);
  if (names.empty()) return "";
  if (std::find(names.begin(), names.end(), had) != names.end()) return had;
  if (had.empty() && names.size() == 1) return names.front();
  throw Error(Fault::conflict,
              "instance " + instance.record.name() + " has the named disks " + quoted_list(names) + ", and disk " +
                  cid.value + (had.empty() ? " was none of them" : " was named '" + had + "'") +
                  "; attach an orphan of one of these names",
              invalid_instance_state);
}

// As the instance's disk. One the director does not know has the size and properties of the disk it
// replaces, when that was asked for; else the next deploy finds them out of date and replaces it.
DiskRecord as_disk_of(Services& services, TaskContext& task, const ActualInstance& instance, const DiskCid& cid) {
  DiskRecord disk;
  if (const auto known = services.stores.disks.find(cid)) {
    disk = *known;
    if (disk.state != DiskState::orphaned && disk.instance != instance.record.id) {
      throw Error(Fault::conflict, "disk " + cid.value + " belongs to instance " + disk.group + "/" + disk.instance.value,
                  disk_in_use);
    }
    disk.name = name_on(instance, cid, disk.name);
  } else {
    disk.cid = cid;
    disk.size_mib = 1;
    disk.name = name_on(instance, cid, "");
    if (instance.vm) disk.cpi = instance.vm->cpi;
    if (const auto* previous = instance.active_disk(disk.name)) {
      disk.cpi = previous->cpi;
      if (task_argument(task, "disk_properties") == "copy") {
        disk.size_mib = previous->size_mib;
        disk.cloud_properties = previous->cloud_properties;
      }
    }
  }
  disk.deployment = instance.record.deployment;
  disk.group = instance.record.group;
  disk.instance = instance.record.id;
  disk.az = instance.record.az;
  return disk;
}

std::unique_ptr<Locks::Held> lock_owner(Services& services, TaskContext& task, const DiskRecord& disk) {
  return services.locks.acquire("lock:deployment:" + disk.deployment, task.task().id, 10s);
}

}  // namespace

std::string delete_orphan_disk(Services& services, TaskContext& task) {
  const DiskCid cid{task_argument(task, "disk_cid")};
  TaskContext::Stage stage(task, "Deleting orphaned disks", 1);
  stage.run("Deleting orphaned disk " + cid.value, [&](TaskContext::Step&) {
    const auto disk = services.stores.disks.find(cid);
    if (!disk) return;
    if (disk->state != DiskState::orphaned) {
      throw Error(Fault::conflict, "disk " + cid.value + " belongs to instance " + disk->group + "/" + disk->instance.value,
                  disk_in_use);
    }
    InstanceSteps(services, task).delete_disk(*disk);
  });
  return "orphaned disk(s) " + cid.value + " deleted";
}

// Taken off its VM first: the disk of a VM that goes on with it would be deleted under it one day.
std::string orphan_disk(Services& services, TaskContext& task) {
  const DiskCid cid{task_argument(task, "disk_cid")};
  auto disk = services.stores.disks.find(cid);
  if (!disk) throw Error(Fault::not_found, "disk " + cid.value + " is not known", disk_missing);
  const auto lock = lock_owner(services, task, *disk);
  disk = services.stores.disks.find(cid);
  if (disk && disk->state != DiskState::orphaned) {
    InstanceSteps steps(services, task);
    const auto owner = stored_instance(services.stores, disk->instance);
    if (owner && owner->vm && owner->vm->cid && disk->state == DiskState::active) {
      demand_stopped(*owner, "orphaning its disk " + cid.value);
      steps.detach(*owner->vm, *disk, agent_answers(services, owner->vm->agent));
    }
    steps.orphan_disk(*disk);
  }
  if (disk && !disk->name.empty()) {
    const auto owner = stored_instance(services.stores, disk->instance);
    if (owner && owner->vm && owner->vm->cid && agent_answers(services, owner->vm->agent))
      InstanceSteps(services, task).associate_disks(*owner->vm);
  }
  return "disk " + cid.value + " orphaned";
}

// The row changes hands in one step between taking the old disk off and putting the new one on, so a
// task taken up again finds either the first still to be done or only the second.
std::string attach_disk(Services& services, TaskContext& task) {
  const DiskCid cid{task_argument(task, "disk_cid")};
  const auto lock = services.locks.acquire("lock:deployment:" + task_argument(task, "deployment"), task.task().id, 10s);
  const auto instance = receiver(services, task);
  const auto disk = as_disk_of(services, task, instance, cid);
  if (disk_exists(services, task, disk) == Existence::no)
    throw Error(Fault::not_found, "the cloud has no disk " + cid.value, disk_missing);
  InstanceSteps steps(services, task);
  const bool has_vm = instance.vm && instance.vm->cid;
  const auto* previous = instance.active_disk(disk.name);
  recorded(services, task, {"attach", "disk", cid.value, disk.deployment, instance_path(instance.record)}, [&](EventSubject&) {
    if (previous && previous->cid != cid) {
      if (has_vm) steps.detach(*instance.vm, *previous, agent_answers(services, instance.vm->agent));
      recorded(services, task, {"orphan", "disk", previous->cid.value, disk.deployment, instance_path(instance.record)},
               [&](EventSubject&) { services.stores.disks.adopt(disk, services.clock.now()); });
    } else {
      services.stores.disks.adopt(disk, services.clock.now());
    }
    if (!has_vm) return;
    steps.attach(*instance.vm, disk);
    if (!disk.name.empty()) steps.associate_disks(*instance.vm);
  });
  return "attached disk '" + cid.value + "' to '" + instance_path(instance.record) + "' in deployment '" + disk.deployment + "'";
}

std::vector<DiskRecord> orphans_past_lifetime(Services& services) {
  const auto limit = services.clock.now() - services.settings.orphan_lifetime;
  auto orphans = services.stores.disks.orphaned();
  std::erase_if(orphans,
                [&](const DiskRecord& disk) { return !disk.orphaned_at || *disk.orphaned_at >= limit; });
  return orphans;
}

std::string clean_up_orphan_disks(Services& services, TaskContext& task) {
  const auto limit = services.clock.now() - services.settings.orphan_lifetime;
  const auto over = orphans_past_lifetime(services);
  const auto unknown = services.stores.journal.left_by_deleted("create_disk");
  std::atomic<int> failed{0};
  TaskContext::Stage stage(task, "Deleting orphan disks", static_cast<int>(over.size() + unknown.size()));
  const auto attempt = [&](const std::string& name, const std::function<void(InstanceSteps&)>& removal) {
    task.checkpoint();
    try {
      stage.run(name, [&](TaskContext::Step&) {
        InstanceSteps steps(services, task);
        removal(steps);
      });
    } catch (const Error& error) {
      if (error.fault() == Fault::cancelled) throw;
      ++failed;
    }
  };
  for (const auto& step : unknown) {
    attempt("Disk of a creation that failed", [&](InstanceSteps& steps) { steps.remove_unknown_disk(step); });
  }
  parallel_for(over.size(), services.settings.max_parallel, [&](std::size_t i) {
    attempt(over[i].cid.value, [&](InstanceSteps& steps) { steps.delete_disk(over[i]); });
  });
  const auto text = "Deleted " + std::to_string(static_cast<int>(over.size() + unknown.size()) - failed) + " orphaned disk(s) older than " +
                    to_rfc3339(limit) + ". Failed to delete " + std::to_string(failed) + " disk(s).";
  if (failed > 0) throw Error(Fault::internal, text);
  return text;
}

}  // namespace slipway::director
