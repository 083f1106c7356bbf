#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "director/executor/render.hpp"
#include "director/executor/vm_steps.hpp"
#include "director/planner/plan.hpp"

namespace slipway::director {

// Compiles what is not in the cache, on compilation VMs that work side by side and go at the
// end, whatever happens. A package is compiled once for a stemcell and a set of dependencies.
class Compiler {
 public:
  Compiler(Services& services, TaskContext& task, std::string deployment, const CloudConfig& cloud,
           const World& world)
      : services_(services),
        task_(task),
        deployment_(std::move(deployment)),
        cloud_(cloud),
        world_(world),
        vms_(services, task) {}

  std::map<Assignment::PackageNeed, CompiledPackageRecord> compile(
      const std::vector<Assignment::PackageNeed>& needs);

  // "release/package for os/version" of each that compile() would have to make. Changes nothing.
  std::vector<std::string> names_of_missing(const std::vector<Assignment::PackageNeed>& needs) const;

 private:
  std::optional<CompiledPackageRecord> find_compiled(const Assignment::PackageNeed& need) const;
  struct Worker;
  struct Owner {
    const ReleaseRecord* release = nullptr;
    const PackageRecord* package = nullptr;
  };
  Owner owner_of(std::int64_t package_id) const;
  std::vector<Assignment::PackageNeed> dependencies_of(const Assignment::PackageNeed& need) const;
  Json dependency_tree(const Owner& owner) const;
  std::string dependency_key(const Assignment::PackageNeed& need) const;
  void compile_missing(const std::vector<Assignment::PackageNeed>& missing);
  CompiledPackageRecord compile_one(const Assignment::PackageNeed& need, const VmRecord& vm);
  VmRecord create_worker(const StemcellRef& stemcell, int number);
  Json worker_size(const std::string& cpi) const;
  Json lease_network(const AgentId& holder);
  void remove_worker(const VmRecord& vm);
  // Compilation VMs of an attempt that died; a task of this deployment is the only one that makes them.
  void remove_leftovers();

  Services& services_;
  TaskContext& task_;
  std::string deployment_;
  const CloudConfig& cloud_;
  const World& world_;
  VmSteps vms_;
  std::mutex mutex_;
  std::map<Assignment::PackageNeed, CompiledPackageRecord> compiled_;
};

}  // namespace slipway::director
