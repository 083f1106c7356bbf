#pragma once

#include "director/planner/plan.hpp"

namespace slipway::director {

// What one planned instance needs, compared with what it is. `actual` is nullptr for a new one.
// Source: contracts/director-api.md section 4, "Change detection".
class ChangeDetector {
 public:
  explicit ChangeDetector(const Desired& desired) : desired_(desired) {}

  InstanceChange detect(const PlannedInstance& planned, const ActualInstance* actual, const RenderedSummary* rendered,
                        const Json* packages) const;
  InstanceChange removal(const ActualInstance& actual) const;

  // Whether it needs another VM whatever its addresses will be. Precondition: it has a VM.
  bool needs_other_vm(const PlannedInstance& planned, const ActualInstance& actual) const;

 private:
  void compare_machine(const PlannedInstance& planned, const ActualInstance& actual, InstanceChange& out) const;
  void compare_requests(const PlannedInstance& planned, const ActualInstance& actual, InstanceChange& out,
                        bool& new_vm) const;
  void compare_jobs(const PlannedInstance& planned, const ActualInstance& actual, const RenderedSummary* rendered,
                    const Json* packages, InstanceChange& out) const;
  void compare_state(const PlannedInstance& planned, const ActualInstance& actual, InstanceChange& out) const;
  void compare_disks(const PlannedInstance& planned, const ActualInstance* actual, InstanceChange& out) const;
  void compare_metadata(const PlannedInstance& planned, const ActualInstance& actual, InstanceChange& out) const;

  const Desired& desired_;
};

// Whether the group runs only when asked to, and `actual` has no VM left from that.
bool is_idle_errand(const Desired& desired, const std::string& group, const ActualInstance* actual);

// The CPI calls a change will make, as far as they are known beforehand; `env` is left out,
// because it may hold secrets.
std::vector<Json> foreseen_cpi_calls(const World& world, const PlannedInstance* planned, const ActualInstance* actual,
                                     const InstanceChange& change);

}  // namespace slipway::director
