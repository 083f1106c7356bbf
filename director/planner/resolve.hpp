#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "director/planner/plan.hpp"

// What a manifest's names stand for in the stores.
namespace slipway::director {

struct ResolvedRelease {
  const ReleaseRecord* record = nullptr;
  std::unordered_map<std::string, const JobRecord*> jobs;
  std::unordered_map<std::string, const PackageRecord*> packages;
};

// One version for each release and stemcell of the manifest; the highest for "latest".
class ChosenVersions {
 public:
  // Keeps references to both; appends to `problems` what is not uploaded.
  ChosenVersions(const Manifest& manifest, const World& world, Problems& problems);

  const ResolvedRelease* release(const std::string& name) const;  // nullptr: a problem was told
  // For an addon that applies: tells what is wrong with its release, which nobody else may need.
  void demand_for_addon(const std::string& release, Problems& problems) const;
  const StemcellRef* stemcell(const std::string& alias) const;
  // What this CPI has of it. One that the manifest names by its OS may have another name on each CPI.
  std::optional<StemcellRef> stemcell_on_cpi(const std::string& alias, const std::string& cpi) const;

 private:
  void resolve_release(const ReleaseUse& use, const std::string& place, Problems& problems);
  void resolve_runtime_release(const ReleaseUse& use);
  void resolve_stemcell(const StemcellUse& use, const std::string& place, Problems& problems);

  const World& world_;
  std::unordered_map<std::string, ResolvedRelease> releases_;
  struct ChosenStemcell {
    StemcellRef ref;
    bool by_os = false;
  };
  std::unordered_map<std::string, ChosenStemcell> stemcells_;
  std::unordered_map<std::string, Problems> runtime_problems_;  // by release, told on demand
};

// The packages that `group` runs with, dependencies first, appended to `needs` without repeats.
class PackageCollector {
 public:
  explicit PackageCollector(std::vector<Assignment::PackageNeed>& needs) : needs_(needs) {}
  void add(const ResolvedRelease& release, const JobRecord& job, const StemcellRef& stemcell, Problems& problems);

 private:
  void visit(const ResolvedRelease& release, const std::string& name, const StemcellRef& stemcell,
             std::vector<std::string>& path, Problems& problems);

  std::vector<Assignment::PackageNeed>& needs_;
  std::unordered_map<std::string, bool> seen_;  // by id and stemcell
};

}  // namespace slipway::director
