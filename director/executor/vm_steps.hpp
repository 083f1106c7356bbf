#pragma once

#include <string>
#include <vector>

#include "director/executor/services.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

// A VM somebody wants.
struct VmOrder {
  std::string deployment;
  std::string group;          // instance group, or "compilation"
  InstanceId instance;        // empty for a compilation VM
  std::string instance_name;  // for people and metadata
  int index = 0;
  std::string az;
  std::string cpi;
  StemcellRef stemcell;
  Json cloud_properties = Json::object();
  Json networks = Json::object();
  Json env = Json::object();  // the operator's part
  Json tags = Json::object();
  std::vector<DiskCid> disks;  // locality
};

// Creates and deletes VMs so that a crash at any point leaves a row that says what may exist:
// the row is written before the CPI is asked and goes after the CPI has confirmed.
class VmSteps {
 public:
  VmSteps(Services& services, TaskContext& task) : services_(services), task_(task) {}

  // Returns when the VM's agent answers. A VM that an earlier, interrupted attempt began for
  // the same order is finished instead of making a second one. On failure nothing remains.
  VmRecord create(const VmOrder& order);

  // Name, place and tags, as the cloud's own tools show them.
  void describe(const VmOrder& order, const VmRecord& vm);

  // Through the CPI, then its permission, then its row. A VM that is gone already counts as deleted.
  void remove(const VmRecord& vm);

  // Takes the deletions of a deployment's VMs to their end that were begun and interrupted.
  void finish_removals(const std::string& deployment);
  // The VM is no instance's any more and not allowed to talk; it waits to be deleted, until then if a time is given.
  // Precondition: it has a cid.
  void orphan(const VmRecord& vm, std::optional<Timestamp> kept_until = {});
  // Deletes it for good; the persistent disks it still has stay.
  void remove(const OrphanedVmRecord& vm);

  // Gives the agent its lasting certificate, and with it the links to named disks that are attached to the VM.
  void settle(const VmRecord& vm, const Json& links = Json::array());

  Agent agent(const AgentId& id) const;
  std::shared_ptr<cpi::Cpi> cpi(const std::string& name) const;

 private:
  VmRecord begin(const VmOrder& order);
  // `may_exist`: an error was met that may have come after the VM was made.
  cpi::CreatedVm ask_cpi(const VmOrder& order, const VmRecord& vm, bool& may_exist);
  cpi::CreatedVm ask_cloud(const VmOrder& order, const VmRecord& vm, cpi::Cpi& cloud, bool& may_exist);
  void give_back_unless_known(const AgentId& agent, const std::optional<VmCid>& vm, cpi::Cpi& cloud);
  StemcellRecord find_stemcell(const VmOrder& order) const;
  VmOrder order_of(const VmRecord& vm) const;
  void detach_known_disks(cpi::Cpi& cloud, const VmCid& vm);
  void let_go_of_disks(cpi::Cpi& cloud, const VmCid& vm);
  std::string instance_name(const VmRecord& vm) const;  // "group/id", empty for a compilation VM
  std::optional<VmCid> find_unfinished(const VmRecord& vm);
  Services& services_;
  TaskContext& task_;
};

}  // namespace slipway::director
