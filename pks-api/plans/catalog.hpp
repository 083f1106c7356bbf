#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "pks-api/plans/plan.hpp"

namespace slipway::pks {

// The plans on offer, and those that clusters were made by: a cluster keeps its plan as it was, so that
// what the operator edits reaches it only when somebody asks for an upgrade. Thread-safe.
class PlanCatalog {
 public:
  explicit PlanCatalog(std::vector<Plan> offered) : offered_(std::move(offered)) {}

  const std::vector<Plan>& offered() const { return offered_; }
  const Plan* find(const std::string& name_or_id) const;  // on offer; null: no such plan
  std::string names() const;                              // "small, medium"

  // The plan of this document, as Plan::document has it. Null when this program does not understand it.
  std::shared_ptr<const Plan> kept(const std::string& document) const;

 private:
  const std::vector<Plan> offered_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, std::shared_ptr<const Plan>> kept_;
};

}  // namespace slipway::pks
