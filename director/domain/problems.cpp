#include "director/domain/problems.hpp"

#include <algorithm>
#include <array>

namespace slipway::director {

namespace {

constexpr std::array all_types = {ProblemType::missing_vm, ProblemType::unresponsive_agent, ProblemType::full_disk, ProblemType::failing_jobs,
                                  ProblemType::missing_disk, ProblemType::inactive_disk, ProblemType::mount_info_mismatch};

constexpr const char* skip = "Skip for now";
constexpr const char* without_wait = "Recreate VM without waiting for processes to start";
constexpr const char* with_wait = "Recreate VM and wait for processes to start";

}  // namespace

std::string to_string(ProblemType type) {
  switch (type) {
    case ProblemType::missing_vm: return "missing_vm";
    case ProblemType::unresponsive_agent: return "unresponsive_agent";
    case ProblemType::full_disk: return "full_disk";
    case ProblemType::failing_jobs: return "failing_jobs";
    case ProblemType::missing_disk: return "missing_disk";
    case ProblemType::inactive_disk: return "inactive_disk";
    case ProblemType::mount_info_mismatch: return "mount_info_mismatch";
  }
  return "missing_vm";
}

ProblemType problem_type_from_string(const std::string& text) {
  for (const auto type : all_types) {
    if (to_string(type) == text) return type;
  }
  throw Error(Fault::internal, "unknown type of problem '" + text + "'");
}

std::string to_string(Repair repair) {
  switch (repair) {
    case Repair::ignore: return "ignore";
    case Repair::recreate_vm: return "recreate_vm";
    case Repair::recreate_vm_without_wait: return "recreate_vm_without_wait";
    case Repair::reboot_vm: return "reboot_vm";
    case Repair::delete_vm: return "delete_vm";
    case Repair::delete_vm_reference: return "delete_vm_reference";
    case Repair::reattach_disk: return "reattach_disk";
    case Repair::reattach_disk_and_reboot: return "reattach_disk_and_reboot";
    case Repair::delete_disk: return "delete_disk";
    case Repair::delete_disk_reference: return "delete_disk_reference";
    case Repair::activate_disk: return "activate_disk";
  }
  return "ignore";
}

std::string to_string(ProblemState state) {
  switch (state) {
    case ProblemState::open: return "open";
    case ProblemState::closed: return "closed";
    case ProblemState::resolved: return "resolved";
  }
  return "open";
}

const std::vector<Resolution>& resolutions_of(ProblemType type) {
  static const std::vector<Resolution> missing_vm = {{Repair::ignore, skip},
                                                     {Repair::recreate_vm_without_wait, without_wait},
                                                     {Repair::recreate_vm, with_wait},
                                                     {Repair::delete_vm_reference, "Delete VM reference"}};
  static const std::vector<Resolution> unresponsive_agent = {
      {Repair::ignore, skip},
      {Repair::reboot_vm, "Reboot VM"},
      {Repair::recreate_vm_without_wait, without_wait},
      {Repair::recreate_vm, with_wait},
      {Repair::delete_vm, "Delete VM"},
      {Repair::delete_vm_reference,
       "Delete VM reference (forceful; may need to manually delete VM from the Cloud to avoid IP conflicts)"}};
  static const std::vector<Resolution> full_disk = {
      {Repair::ignore, skip}, {Repair::recreate_vm_without_wait, without_wait}, {Repair::recreate_vm, with_wait}};
  static const std::vector<Resolution> failing_jobs = {{Repair::ignore, skip},
                                                       {Repair::reboot_vm, "Reboot VM"},
                                                       {Repair::recreate_vm_without_wait, without_wait},
                                                       {Repair::recreate_vm, with_wait}};
  static const std::vector<Resolution> missing_disk = {
      {Repair::ignore, skip}, {Repair::delete_disk_reference, "Delete disk reference (DANGEROUS!)"}};
  static const std::vector<Resolution> inactive_disk = {
      {Repair::ignore, skip}, {Repair::delete_disk, "Delete disk"}, {Repair::activate_disk, "Activate disk"}};
  static const std::vector<Resolution> mount_info_mismatch = {
      {Repair::ignore, "Ignore"},
      {Repair::reattach_disk, "Reattach disk to instance"},
      {Repair::reattach_disk_and_reboot, "Reattach disk and reboot instance"}};
  switch (type) {
    case ProblemType::missing_vm: return missing_vm;
    case ProblemType::unresponsive_agent: return unresponsive_agent;
    case ProblemType::full_disk: return full_disk;
    case ProblemType::failing_jobs: return failing_jobs;
    case ProblemType::missing_disk: return missing_disk;
    case ProblemType::inactive_disk: return inactive_disk;
    case ProblemType::mount_info_mismatch: return mount_info_mismatch;
  }
  return missing_vm;
}

// A VM that is gone harms nobody by being made anew; everything else is for a person to decide.
const Resolution& default_resolution(ProblemType type) {
  const auto wanted = type == ProblemType::missing_vm ? Repair::recreate_vm_without_wait : Repair::ignore;
  return *find_resolution(type, to_string(wanted));
}

const Resolution* find_resolution(ProblemType type, const std::string& name) {
  const auto& all = resolutions_of(type);
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Resolution& resolution) { return to_string(resolution.repair) == name; });
  return found == all.end() ? nullptr : &*found;
}

std::string ProblemRecord::summary() const {
  return to_string(type) + " " + (disk.value.empty() ? instance.value : disk.value);
}

}  // namespace slipway::director
