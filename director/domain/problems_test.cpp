#include "director/domain/problems.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using namespace slipway::director;

namespace problems_test {

namespace {

std::vector<std::string> names(ProblemType type) {
  std::vector<std::string> all;
  for (const auto& resolution : resolutions_of(type)) all.push_back(to_string(resolution.repair));
  return all;
}

}  // namespace

TEST_CASE("each type of problem offers what users of cloud check know") {
  using Names = std::vector<std::string>;
  CHECK(names(ProblemType::missing_vm) ==
        Names{"ignore", "recreate_vm_without_wait", "recreate_vm", "delete_vm_reference"});
  CHECK(names(ProblemType::unresponsive_agent) ==
        Names{"ignore", "reboot_vm", "recreate_vm_without_wait", "recreate_vm", "delete_vm", "delete_vm_reference"});
  CHECK(names(ProblemType::full_disk) == Names{"ignore", "recreate_vm_without_wait", "recreate_vm"});
  CHECK(names(ProblemType::failing_jobs) == Names{"ignore", "reboot_vm", "recreate_vm_without_wait", "recreate_vm"});
  CHECK(names(ProblemType::missing_disk) == Names{"ignore", "delete_disk_reference"});
  CHECK(names(ProblemType::inactive_disk) == Names{"ignore", "delete_disk", "activate_disk"});
  CHECK(names(ProblemType::mount_info_mismatch) == Names{"ignore", "reattach_disk", "reattach_disk_and_reboot"});
}

TEST_CASE("by default only a missing VM is repaired") {
  for (const auto type : {ProblemType::missing_vm, ProblemType::unresponsive_agent, ProblemType::full_disk, ProblemType::failing_jobs, ProblemType::missing_disk,
                          ProblemType::inactive_disk, ProblemType::mount_info_mismatch}) {
    const auto wanted = type == ProblemType::missing_vm ? Repair::recreate_vm_without_wait : Repair::ignore;
    CHECK(default_resolution(type).repair == wanted);
    CHECK(problem_type_from_string(to_string(type)) == type);
  }
  CHECK(find_resolution(ProblemType::missing_disk, "reboot_vm") == nullptr);
}

}  // namespace problems_test
