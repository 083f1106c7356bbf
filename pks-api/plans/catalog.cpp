#include "pks-api/plans/catalog.hpp"

namespace slipway::pks {

namespace {

// Documents that no cluster has any more are few; beyond this the cache begins anew.
constexpr std::size_t max_kept = 1000;

}  // namespace

const Plan* PlanCatalog::find(const std::string& name_or_id) const {
  for (const auto& plan : offered_) {
    if (plan.name == name_or_id || plan.id == name_or_id) return &plan;
  }
  return nullptr;
}

std::string PlanCatalog::names() const {
  std::string names;
  for (const auto& plan : offered_) names += (names.empty() ? "" : ", ") + plan.name;
  return names;
}

std::shared_ptr<const Plan> PlanCatalog::kept(const std::string& document) const {
  const std::lock_guard lock(mutex_);
  if (const auto known = kept_.find(document); known != kept_.end()) return known->second;
  std::shared_ptr<const Plan> plan;
  try {
    plan = std::make_shared<const Plan>(
        parse_plan(parse_json(document, "plan of a cluster"), "plan of a cluster"));
  } catch (const Error&) {
  }
  if (kept_.size() >= max_kept) kept_.clear();
  return kept_[document] = plan;
}

}  // namespace slipway::pks
