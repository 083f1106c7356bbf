#include "director/executor/problems/scan.hpp"

#include <algorithm>
#include <tuple>

#include "base/parallel.hpp"
#include "director/executor/problems/checks.hpp"
#include "director/executor/vm_steps.hpp"
#include "director/executor/world.hpp"

namespace slipway::director {

namespace {

ProblemRecord about(const ActualInstance& instance, ProblemType type, std::string description) {
  ProblemRecord problem;
  problem.type = type;
  problem.instance = instance.record.id;
  problem.group = instance.record.group;
  problem.description = std::move(description);
  return problem;
}

std::string vm_description(const ActualInstance& instance, const std::string& what) {
  const auto cid = instance.vm && instance.vm->cid ? " with cloud ID '" + instance.vm->cid->value + "'" : "";
  return "VM for '" + instance.record.name() + "'" + cid + " " + what + ".";
}

std::string mount_description(const DiskRecord& disk, const VmCid& vm, const std::vector<std::string>& owners) {
  const bool named = !disk.name.empty();
  std::string text = "Inconsistent mount information:\nRecord shows that disk '" + disk.cid.value + "' " +
                     (named ? "('" + disk.name + "') should be attached to " : "should be mounted on ") + vm.value +
                     ".\nHowever it is currently :\n\t";
  if (owners.empty()) return text + (named ? "Not attached to its VM" : "Not mounted in any VM");
  std::string list;
  for (const auto& owner : owners) list += (list.empty() ? "" : ", ") + owner;
  return text + "Mounted on: " + list;
}

}  // namespace

bool expects_vm(const ActualInstance& instance) {
  if (instance.record.state == InstanceState::detached) return false;
  const auto& spec = instance.record.spec;
  return instance.vm || (!spec.empty() && spec.value("lifecycle", "service") != "errand");
}

ProblemScan::ProblemScan(Services& services, TaskContext& task, std::string deployment)
    : services_(services),
      task_(task),
      deployment_(std::move(deployment)),
      instances_(stored_instances(services.stores, deployment_)) {}

void ProblemScan::everything() {
  std::vector<const ActualInstance*> instances;
  for (const auto& instance : instances_) {
    if (expects_vm(instance)) instances.push_back(&instance);
  }
  look_at_vms(instances);
  look_at_disks();
  services_.stores.problems.replace_open(deployment_, {}, in_order(), services_.clock.now());
}

std::vector<ProblemRecord> ProblemScan::vms_of(const std::vector<InstanceId>& ids) {
  std::vector<const ActualInstance*> instances;
  for (const auto& instance : instances_) {
    const bool asked = std::find(ids.begin(), ids.end(), instance.record.id) != ids.end();
    if (asked && expects_vm(instance)) instances.push_back(&instance);
  }
  look_at_vms(instances);
  if (ids.empty()) return {};
  return services_.stores.problems.replace_open(deployment_, ids, in_order(), services_.clock.now());
}

// By instance, whoever was looked at first.
std::vector<ProblemRecord> ProblemScan::in_order() {
  std::map<InstanceId, std::size_t> place;
  for (const auto& instance : instances_) place.emplace(instance.record.id, place.size());
  const auto rank = [&](const ProblemRecord& problem) {
    return std::tuple(place.at(problem.instance), problem.disk.value);
  };
  std::sort(found_.begin(), found_.end(),
            [&](const ProblemRecord& a, const ProblemRecord& b) { return rank(a) < rank(b); });
  return std::move(found_);
}

void ProblemScan::note(ProblemRecord problem) {
  task_.debug("found: " + problem.summary());
  std::lock_guard lock(mutex_);
  found_.push_back(std::move(problem));
}

void ProblemScan::look_at_vms(const std::vector<const ActualInstance*>& instances) {
  TaskContext::Stage stage(task_, "Scanning " + std::to_string(instances.size()) + " VMs", 2);
  std::map<Finding, int> counts;
  int ignored = 0;
  stage.run("Checking VM states", [&](TaskContext::Step&) {
    parallel_for(instances.size(), services_.settings.max_parallel, [&](std::size_t i) {
      task_.checkpoint();
      const bool ignore = instances[i]->record.ignore;
      const auto finding = ignore ? Finding::ok : look_at_vm(*instances[i]);
      std::lock_guard lock(mutex_);
      ++(ignore ? ignored : counts[finding]);
    });
  });
  stage.run(std::to_string(counts[Finding::ok]) + " OK, " + std::to_string(counts[Finding::unresponsive]) +
                " unresponsive, " + std::to_string(counts[Finding::missing]) + " missing, 0 unbound" +
                (counts[Finding::full] > 0 ? ", " + std::to_string(counts[Finding::full]) + " with a full disk" : "") +
                (counts[Finding::failing] > 0 ? ", " + std::to_string(counts[Finding::failing]) + " with failing jobs" : "") +
                (ignored > 0 ? ", " + std::to_string(ignored) + " ignored" : ""),
            [](TaskContext::Step&) {});
}

ProblemScan::Finding ProblemScan::look_at_vm(const ActualInstance& instance) {
  const auto look = instance.vm && instance.vm->cid ? look_at_agent(services_, instance.vm->agent) : AgentLook();
  const bool alive = look.answers;
  if (instance.vm && instance.vm->cid) {
    const auto disks = mounted_on(instance, alive);
    std::lock_guard lock(mutex_);
    for (const auto& disk : disks) owners_[disk].push_back(instance.vm->cid->value);
  }
  if (!look.full_disk.empty()) {
    note(about(instance, ProblemType::full_disk, vm_description(instance, "has no room left: its " + look.full_disk)));
    return Finding::full;
  }
  if (look.failing_jobs) {
    note(about(instance, ProblemType::failing_jobs, vm_description(instance, "has jobs that do not run")));
    return Finding::failing;
  }
  if (alive) return Finding::ok;
  if (!instance.vm || !instance.vm->cid || vm_exists(services_, task_, *instance.vm) == Existence::no) {
    note(about(instance, ProblemType::missing_vm, vm_description(instance, "missing")));
    return Finding::missing;
  }
  note(about(instance, ProblemType::unresponsive_agent, vm_description(instance, "is not responding")));
  return Finding::unresponsive;
}

// Where the agent cannot be asked, what the store says: a silent VM is one problem, not two.
std::vector<std::string> ProblemScan::mounted_on(const ActualInstance& instance, bool alive) {
  const auto mounted = alive ? mounted_disks(services_, task_, instance.vm->agent) : std::nullopt;
  auto disks = mounted.value_or(std::vector<std::string>());
  for (const auto& disk : instance.disks) {
    if (disk.state != DiskState::active || (mounted && disk.name.empty())) continue;
    // Its jobs mount a named one, or do not; the agent knows nothing of that.
    const bool there = !alive || disk_is_there(services_, task_, *instance.vm, disk).value_or(true);
    if (there) disks.push_back(disk.cid.value);
  }
  return disks;
}

void ProblemScan::look_at_disks() {
  std::vector<std::pair<const ActualInstance*, const DiskRecord*>> disks;
  for (const auto& instance : instances_) {
    if (instance.record.ignore) continue;
    for (const auto& disk : instance.disks) disks.emplace_back(&instance, &disk);
  }
  TaskContext::Stage stage(task_, "Scanning " + std::to_string(disks.size()) + " persistent disks", 2);
  std::map<Finding, int> counts;
  stage.run("Looking for inactive disks", [&](TaskContext::Step&) {
    parallel_for(disks.size(), services_.settings.max_parallel, [&](std::size_t i) {
      task_.checkpoint();
      const auto finding = look_at_disk(*disks[i].first, *disks[i].second);
      std::lock_guard lock(mutex_);
      ++counts[finding];
    });
  });
  stage.run(std::to_string(counts[Finding::ok]) + " OK, " + std::to_string(counts[Finding::missing]) +
                " missing, " + std::to_string(counts[Finding::inactive]) + " inactive, " +
                std::to_string(counts[Finding::mount_info_mismatch]) + " mount-info mismatch",
            [](TaskContext::Step&) {});
}

ProblemScan::Finding ProblemScan::look_at_disk(const ActualInstance& instance, const DiskRecord& disk) {
  const auto noted = [&](ProblemType type, std::string description, Json data = Json::object()) {
    auto problem = about(instance, type, std::move(description));
    problem.disk = disk.cid;
    problem.data = std::move(data);
    note(std::move(problem));
  };
  const auto size = std::to_string(disk.size_mib) + "M";
  if (disk_exists(services_, task_, disk) == Existence::no) {
    noted(ProblemType::missing_disk,
          "Disk '" + disk.cid.value + "' (" + instance.record.group + "/" + instance.record.id.value + ", " +
              size + ") is missing");
    return Finding::missing;
  }
  if (disk.state == DiskState::inactive) {
    noted(ProblemType::inactive_disk, "Disk '" + disk.cid.value + "' (" + size + ") for instance '" +
                                          instance.record.name() + "' is inactive");
    return Finding::inactive;
  }
  if (!instance.vm || !instance.vm->cid) return Finding::ok;
  const auto found = owners_.find(disk.cid.value);
  const auto owners = found == owners_.end() ? std::vector<std::string>() : found->second;
  if (owners == std::vector<std::string>{instance.vm->cid->value}) return Finding::ok;
  noted(ProblemType::mount_info_mismatch, mount_description(disk, *instance.vm->cid, owners),
        {{"owner_vms", owners}});
  return Finding::mount_info_mismatch;
}

}  // namespace slipway::director
