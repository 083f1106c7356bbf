#pragma once

#include <optional>
#include <string>
#include <vector>

#include "director/domain/types.hpp"

// What can be wrong with a deployment's VMs and disks, and what can be done about it.
// Source: BOSH's cloud check; contracts/director-api.md section 6, "CCK problems".
namespace slipway::director {

// full_disk and failing_jobs are ours; BOSH has the others. Only who asks for it is told of failing_jobs: a cloud check is
// about VMs and disks.
enum class ProblemType { missing_vm, unresponsive_agent, full_disk, failing_jobs, missing_disk, inactive_disk, mount_info_mismatch };
std::string to_string(ProblemType type);
ProblemType problem_type_from_string(const std::string& text);  // Fault::internal

enum class Repair {
  ignore,
  recreate_vm,
  recreate_vm_without_wait,
  reboot_vm,
  delete_vm,
  delete_vm_reference,
  reattach_disk,
  reattach_disk_and_reboot,
  delete_disk,
  delete_disk_reference,
  activate_disk,
};
std::string to_string(Repair repair);

struct Resolution {
  Repair repair = Repair::ignore;
  std::string plan;  // what `bosh cck` shows
};
// In the order in which they are offered.
const std::vector<Resolution>& resolutions_of(ProblemType type);
const Resolution& default_resolution(ProblemType type);
// By the repair's name; nullptr when this type of problem does not have it.
const Resolution* find_resolution(ProblemType type, const std::string& name);

enum class ProblemState { open, closed, resolved };
std::string to_string(ProblemState state);

struct ProblemRecord {
  std::int64_t id = 0;
  std::string deployment;
  ProblemType type = ProblemType::missing_vm;
  ProblemState state = ProblemState::open;
  InstanceId instance;
  std::string group;
  DiskCid disk;  // empty for a problem of a VM
  std::string description;
  Json data = Json::object();  // mount_info_mismatch: {"owner_vms": [cid…]}
  Timestamp found_at{};

  // "missing_vm 2f3a…": the type and the thing that has the problem.
  std::string summary() const;
};

}  // namespace slipway::director
