#include "director/executor/instance_action.hpp"

#include <algorithm>

#include "director/domain/error_codes.hpp"
#include "director/executor/dns.hpp"
#include "director/executor/instance_updater.hpp"
#include "director/executor/stored_plan.hpp"
#include "director/executor/world.hpp"

namespace slipway::director {

using namespace std::chrono_literals;

namespace {

class InstanceAction {
 public:
  InstanceAction(Services& services, TaskContext& task, const InstanceActionRequest& request)
      : services_(services), task_(task), request_(request) {}

  void run() {
    find();
    refuse_what_cannot_be();
    make_plan();
    TaskContext::Stage stage(task_, "Updating instance", 1, {instance_.record.group});
    stage.run(instance_.record.name(), [&](TaskContext::Step& step) { carry_out(step); });
    publish_dns(services_, task_);
  }

 private:
  void find();
  void refuse_what_cannot_be() const;
  void make_plan();
  void carry_out(TaskContext::Step& step);
  bool stops() const { return request_.action == "stop"; }
  // A task that was interrupted finds the VM it made.
  bool recreated_before() const { return instance_.vm && instance_.vm->created_at >= task_.task().created_at && task_.task().created_at != Timestamp{}; }
  bool gives_up_vm() const { return request_.action == "recreate" || (stops() && request_.hard); }

  Services& services_;
  TaskContext& task_;
  const InstanceActionRequest& request_;
  ActualInstance instance_;
  PlannedInstance planned_;
  InstanceChange change_;
  InstanceGroup group_;
};

void InstanceAction::find() {
  for (auto& instance : stored_instances(services_.stores, request_.deployment)) {
    if (instance.record.id == request_.instance) instance_ = std::move(instance);
  }
  if (instance_.record.id.empty()) {
    throw Error(Fault::not_found,
                "instance '" + request_.instance.value + "' is not in deployment '" + request_.deployment + "'",
                code::instance_not_found);
  }
  if (instance_.vm) ask_agent(services_, instance_);
}

void InstanceAction::refuse_what_cannot_be() const {
  const auto refuse = [&](const std::string& why, int code) {
    throw Error(Fault::conflict, "instance " + instance_.record.name() + " " + why, code);
  };
  if (instance_.record.ignore) refuse("is ignored; unignore it first", code::instance_ignored);
  if (instance_.record.spec.empty()) {
    refuse("was never deployed with success, so there is nothing to go by; deploy first", code::target_state_undefined);
  }
  const bool detached = instance_.record.state == InstanceState::detached;
  if (request_.action == "recreate" && detached) refuse("is stopped hard and has no VM; start it instead", code::target_state_undefined);
  if (instance_.responsive) return;
  const bool can_do_without = request_.ignore_unresponsive_agent && (stops() || gives_up_vm());
  if (!can_do_without) {
    refuse("has an agent that does not answer" +
               std::string(stops() || gives_up_vm() ? "; go on without it by --ignore-unresponsive-agent, or repair it with `bosh cck`"
                                                    : "; recreate it, or repair it with `bosh cck`"),
           code::agent_silent);
  }
}

// What the instance shall be, read back from what it was deployed as.
void InstanceAction::make_plan() {
  const auto& record = instance_.record;
  planned_ = planned_as_stored(services_.stores, instance_);
  planned_.state = !stops() ? request_.action == "recreate" ? record.state : InstanceState::started
                   : request_.hard || !instance_.vm ? InstanceState::detached
                                                    : InstanceState::stopped;
  group_ = group_as_stored(record);
  change_.id = record.id;
  change_.target = planned_.state;
  // A start finds the jobs stopped: they are applied and started, and nothing is drained first.
  const bool recreates = request_.action == "recreate";
  change_.action = recreates && !recreated_before()              ? Action::recreate
                   : recreates || request_.action == "start" ? Action::create
                                                             : Action::update;
}

void InstanceAction::carry_out(TaskContext::Step& step) {
  const bool runs = instance_.vm && instance_.job_state == "running" && instance_.record.state == InstanceState::started;
  if (request_.action == "start" && runs) return;
  if (stops() && !instance_.responsive && !request_.hard) {
    task_.warning(instance_.record.name() + ": its agent does not answer; what runs there was not stopped");
    instance_.record.state = InstanceState::stopped;
    services_.stores.instances.update(instance_.record);
    return;
  }
  const bool completed = instance_.record.update_completed;
  InstanceUpdater updater(services_, task_, request_.deployment);
  with_context(request_.action + " of " + instance_.record.name(), [&] {
    updater.update({.planned = &planned_,
                    .change = &change_,
                    .actual = &instance_,
                    .group = &group_,
                    .apply_spec = instance_.record.spec,
                    .skip_drain = request_.skip_drain},
                   step);
  });
  if (completed) return;
  // What an earlier deploy left undone is not done by this.
  if (auto record = services_.stores.instances.find(request_.instance)) {
    record->update_completed = false;
    services_.stores.instances.update(*record);
  }
}

}  // namespace

std::string act_on_instance(Services& services, TaskContext& task, const InstanceActionRequest& request) {
  const auto lock = services.locks.acquire("lock:deployment:" + request.deployment, task.task().id, 10s);
  InstanceAction(services, task, request).run();
  return "/deployments/" + request.deployment;
}

}  // namespace slipway::director
