#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "director/executor/render.hpp"
#include "director/executor/vm_steps.hpp"
#include "director/planner/plan.hpp"

namespace slipway::director {

// One version of a release in use, and the stemcells its compiled packages have to be of, if any.
struct UsedRelease {
  const ReleaseRecord* record = nullptr;
  std::vector<ReleaseUse::ExportedFrom> exported_from;
};

// Compiles what is not in the cache, on compilation VMs that work side by side and go at the
// end, whatever happens. A package is compiled once for a stemcell and a set of dependencies.
class Compiler {
 public:
  Compiler(Services& services, TaskContext& task, std::string deployment, const CloudConfig& cloud,
           const World& world, std::vector<UsedRelease> releases)
      : services_(services),
        task_(task),
        deployment_(std::move(deployment)),
        cloud_(cloud),
        world_(world),
        releases_(std::move(releases)),
        vms_(services, task) {}

  // `needs` are packages of the releases given, dependencies included. Fault::invalid with all packages
  // that are not there compiled and have no source (60001), or not as `exported_from` asks (430003).
  std::map<Assignment::PackageNeed, CompiledPackageRecord> compile(
      const std::vector<Assignment::PackageNeed>& needs);

  // "release/package for os/version" of each that compile() would have to make. Changes nothing.
  std::vector<std::string> names_of_missing(const std::vector<Assignment::PackageNeed>& needs) const;

 private:
  struct Worker;
  struct Owner {
    const UsedRelease* used = nullptr;
    const PackageRecord* package = nullptr;
  };
  Owner owner_of(std::int64_t package_id) const;
  std::optional<CompiledPackageRecord> find_compiled(const Assignment::PackageNeed& need, const Owner& owner) const;
  std::vector<Assignment::PackageNeed> dependencies_of(const Assignment::PackageNeed& need) const;
  std::string dependency_key(const Owner& owner) const;
  static void cannot_compile(const Assignment::PackageNeed& need, const Owner& owner, Problems& problems);
  void compile_missing(const std::vector<Assignment::PackageNeed>& missing);
  CompiledPackageRecord compile_one(const Assignment::PackageNeed& need, const VmRecord& vm);
  Json ask_to_compile(const PackageRecord& package, CompiledPackageRecord& record, const Json& dependencies,
                      const VmRecord& vm);
  std::string worker_cpi() const;
  VmRecord create_worker(const StemcellRef& stemcell, int number);
  Json worker_size(const std::string& cpi) const;
  Json lease_network(const AgentId& holder);
  void remove_worker(const VmRecord& vm);
  // Compilation VMs and blobs of an attempt that died; a task of this deployment is the only one that makes them.
  void remove_leftovers();

  Services& services_;
  TaskContext& task_;
  std::string deployment_;
  const CloudConfig& cloud_;
  const World& world_;
  std::vector<UsedRelease> releases_;
  VmSteps vms_;
  std::mutex mutex_;
  std::map<Assignment::PackageNeed, CompiledPackageRecord> compiled_;
};

}  // namespace slipway::director
