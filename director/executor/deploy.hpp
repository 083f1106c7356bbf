#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "director/executor/compiler.hpp"
#include "director/executor/inputs.hpp"
#include "director/executor/instance_updater.hpp"
#include "director/executor/package_fetches.hpp"
#include "director/executor/render.hpp"
#include "director/executor/rendered_archives.hpp"
#include "director/planner/plan.hpp"

namespace slipway::director {

struct DeployRequest {
  std::string deployment;  // checked against the manifest's name; empty: taken from it
  std::string manifest;    // raw YAML
  DeployOptions options;
  ConfigChoice configs;
  // Converge to what runs, with the variables it runs with: the attempt is not a new manifest.
  bool keep_manifest = false;
};

// The life of a deploy, from the manifest to the last post-deploy script. Called again after a
// restart it plans anew from what is there, so a step that was done is not done twice.
class Deploy {
 public:
  Deploy(Services& services, JobTemplateCache& templates, TaskContext& task, DeployRequest request)
      : services_(services),
        templates_(templates),
        task_(task),
        request_(std::move(request)),
        archives_(services, task) {}
  std::string run();  // the task's result: "/deployments/NAME"

  // The parts of run(), for a task that does more with the deployment. It holds the lock, and what
  // it changes is not the deployment's new state: nothing is recorded as deployed.
  void plan() { plan(parse()); }
  void change();
  // After plan(): the part of an instance's apply spec that says what it runs with.
  Json planned_spec(const InstanceId& id) const;

 private:
  Json parse();
  void plan(const Json& manifest);
  void make_plan(const Json& manifest);
  void clear_away();
  void prepare(const Json& manifest);
  void assign_instances();
  void reserve();
  void give_back();
  void render();
  struct Uses {
    std::vector<std::int64_t> release_ids, stemcell_ids;
  };
  std::vector<UsedRelease> releases_in_use() const;
  Uses uses() const;
  void compile();
  void decide_changes();
  void carry_out();
  bool some_are_silent() const;
  void tell_decisions();
  void report();
  void timed(const std::string& group, const std::string& action, const std::function<void()>& work);
  void remove_obsolete();
  void take_over_addresses();
  std::map<InstanceId, VmRecord> create_missing();
  std::vector<PackageFetches::Fetch> in_turn(const std::map<InstanceId, VmRecord>& created) const;
  void update_partitions(PackageFetches& packages);
  void update_batch(const Batch& batch, PackageFetches& packages, TaskContext::Stage& stage);
  void remove_spares();
  void finish();
  Json apply_spec(const PlannedInstance& planned, const RenderedInstance& rendered, const Json& current_spec);
  Json packages_of(const PlannedInstance& planned) const;
  InstanceJob job_for(const InstanceId& id, bool canary) const;
  bool skips_drain(const std::string& group) const;
  bool is_new_deployment() const { return world_.instances.empty(); }

  Services& services_;
  JobTemplateCache& templates_;
  TaskContext& task_;
  DeployRequest request_;
  RenderedArchives archives_;

  Desired desired_;
  World world_;
  Assignment assignment_;
  Plan plan_;
  std::vector<std::int64_t> variable_ids_, cloud_config_ids_, runtime_config_ids_;
  std::vector<InstanceId> inserted_;  // by reserve(), nothing is made for them yet
  std::vector<std::string> reserved_;
  std::map<InstanceId, const PlannedInstance*> planned_;
  std::map<InstanceId, const ActualInstance*> actual_;
  std::map<InstanceId, const InstanceChange*> changes_;
  std::map<InstanceId, const RenderedInstance*> rendered_by_id_;
  std::vector<RenderedInstance> rendered_;
  std::map<InstanceId, Json> packages_, specs_;
  std::map<Assignment::PackageNeed, CompiledPackageRecord> compiled_;
};

}  // namespace slipway::director
