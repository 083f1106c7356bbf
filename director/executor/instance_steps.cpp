#include "director/executor/instance_steps.hpp"

#include <algorithm>

#include "director/domain/error_codes.hpp"
#include "director/executor/blob_urls.hpp"
#include "director/executor/care/snapshot_steps.hpp"
#include "director/executor/named_disks.hpp"
#include "director/executor/recorded_action.hpp"

namespace slipway::director {

using namespace std::chrono_literals;
using cpi::CpiError;
using cpi::ErrorType;

namespace {

const char* word(bool keep) { return keep ? "keep" : "delete"; }

Json script_environment(const NextStates& next) {
  return {{"BOSH_VM_NEXT_STATE", word(next.keep_vm)},
          {"BOSH_INSTANCE_NEXT_STATE", word(next.keep_instance)},
          {"BOSH_DEPLOYMENT_NEXT_STATE", word(next.keep_deployment)}};
}

EventSubject about(const char* action, const DiskRecord& disk) {
  return {action, "disk", disk.cid.value, disk.deployment, disk.group + "/" + disk.instance.value};
}

bool contains(const Json& mounted, const DiskCid& disk) {
  return mounted.is_array() && std::find(mounted.begin(), mounted.end(), Json(disk.value)) != mounted.end();
}

std::string failing_processes(const Json& state) {
  std::string names;
  for (const auto& process : state.value("processes", Json::array())) {
    if (process.value("state", "") == "running") continue;
    names +=
        (names.empty() ? "" : ", ") + process.value("name", "?") + " (" + process.value("state", "?") + ")";
  }
  return names.empty() ? "no process is named" : names;
}

}  // namespace

void InstanceSteps::run_script(const AgentId& agent, const std::string& script, const Json& environment) {
  vms_.agent(agent).run_if_known("run_script", Json::array({script, {{"env", environment}}}));
}

void InstanceSteps::stop(const AgentId& agent, const StopRequest& request, TaskContext::Step& step) {
  auto conversation = vms_.agent(agent);
  const Json environment = script_environment(request.next);
  if (!request.skip_drain) {
    step.status("executing pre-stop");
    run_script(agent, "pre-stop", environment);
    step.status("executing drain");
    const bool update = !request.next_spec.is_null();
    const Json arguments = update ? Json::array({"update", request.next_spec}) : Json::array({"shutdown"});
    const Json drained = conversation.run("drain", arguments);
    if (drained.is_number_integer() && drained.get<int>() > 0) {
      services_.clock.sleep_for(std::chrono::seconds(drained.get<int>()));
    }
  }
  step.status("stopping jobs");
  conversation.run("stop", Json::array(), services_.settings.stop_wait);
  step.status("executing post-stop");
  run_script(agent, "post-stop", environment);
}

void InstanceSteps::start(const AgentId& agent, const std::optional<WatchTime>& watch,
                          TaskContext::Step& step) {
  step.status("executing pre-start");
  run_script(agent, "pre-start");
  step.status("starting jobs");
  vms_.agent(agent).call("start");
  if (!watch) return;
  wait_until_running(agent, *watch);
  step.status("executing post-start");
  run_script(agent, "post-start");
}

void InstanceSteps::wait_until_running(const AgentId& agent, const WatchTime& watch) {
  auto& clock = services_.clock;
  const auto begun = clock.monotonic();
  // Most jobs run at once; whoever waits for one that takes its time need not ask so often.
  auto pause = 100ms;
  const auto longest_pause = std::clamp<std::chrono::milliseconds>((watch.max - watch.min) / 100, pause, 1000ms);
  clock.sleep_for(watch.min);
  for (;;) {
    task_.checkpoint();
    const Json state = vms_.agent(agent).call("get_state");
    const auto job_state = state.value("job_state", "");
    if (job_state == "running") return;
    if (clock.monotonic() - begun >= watch.max) {
      throw Error(Fault::internal,
                  "its jobs are '" + job_state + "' and not running after " +
                      std::to_string(watch.max.count() / 1000) + " s: " + failing_processes(state) +
                      "; look at `bosh logs` or /var/vcap/sys/log on the instance",
                  code::jobs_not_running);
    }
    clock.sleep_for(pause);
    pause = std::min(2 * pause, longest_pause);
  }
}

void InstanceSteps::prepare(const VmRecord& vm, const Json& spec) {
  vms_.agent(vm.agent).run("prepare", Json::array({spec_as_sent(services_.settings, vm, spec)}));
}

void InstanceSteps::apply(const VmRecord& vm, const Json& spec) {
  vms_.agent(vm.agent).run("apply", Json::array({spec_as_sent(services_.settings, vm, spec)}));
}

DiskRecord InstanceSteps::create_disk(const PlannedInstance& instance, const PlannedDisk& wanted,
                                      const std::string& deployment, const VmRecord& vm) {
  auto& stores = services_.stores;
  // Told to the cloud: whoever asks for this instance's next disk of this name, this task or a later one, gets
  // the same disk until its row is written; this task gets it after that as well.
  std::int64_t newest = 0;
  for (const auto& known : stores.disks.of_deployment(deployment)) {
    if (known.instance == instance.id && known.name == wanted.name) newest = std::max(newest, known.id);
  }
  const auto key = instance.id.value + ":" + (wanted.name.empty() ? "" : wanted.name + ":") + std::to_string(wanted.size_mib);
  const auto step = stores.journal.begin(
      task_.task().id, "create_disk", key,
      {{"instance", instance.id.value},
       {"size_mib", wanted.size_mib},
       {"cloud_properties", wanted.cloud_properties},
       {"cpi", instance.cpi},
       {"idempotency_key", services_.settings.director_uuid + "/" + key + "/" + std::to_string(newest)}},
      services_.clock.now());
  DiskRecord disk;
  disk.deployment = deployment;
  disk.group = instance.group;
  disk.instance = instance.id;
  disk.az = instance.az;
  disk.name = wanted.name;
  disk.size_mib = wanted.size_mib;
  disk.cloud_properties = wanted.cloud_properties;
  disk.cpi = instance.cpi;
  disk.state = DiskState::inactive;
  if (step.outcome) {
    disk.cid = DiskCid{step.outcome->value("disk_cid", "")};
  } else {
    recorded(services_, task_, about("create", disk), [&](EventSubject& subject) {
      disk.cid = vms_.cpi(instance.cpi)
                     ->create_disk(disk.size_mib, disk.cloud_properties, vm.cid,
                                   step.intent.at("idempotency_key").get<std::string>());
      subject.object_name = disk.cid.value;
    });
    stores.journal.finish(step.id, {{"disk_cid", disk.cid.value}}, services_.clock.now());
  }
  if (auto known = stores.disks.find(disk.cid)) return *known;
  disk.id = stores.disks.insert(disk);
  try {
    vms_.cpi(instance.cpi)
        ->set_disk_metadata(disk.cid, {{"director", services_.settings.director_name},
                                       {"deployment", deployment},
                                       {"instance_id", instance.id.value},
                                       {"instance_group", instance.group},
                                       {"instance_index", std::to_string(instance.index)},
                                       {"attached_at", to_rfc3339(services_.clock.now())}});
  } catch (const CpiError& error) {
    if (!error.is_unsupported()) throw;
  }
  return disk;
}

void InstanceSteps::remove_unknown_disks(const std::string& deployment) {
  for (const auto& step : services_.stores.journal.left_unfinished("create_disk", deployment)) remove_unknown_disk(step);
}

// Asked again with the same key, the cloud names the disk that it made, or makes one now: both go.
void InstanceSteps::remove_unknown_disk(const StepRecord& step) {
  auto& stores = services_.stores;
  const auto cloud = vms_.cpi(step.intent.value("cpi", ""));
  const auto cid = cloud->create_disk(step.intent.value("size_mib", std::int64_t{0}),
                                      step.intent.value("cloud_properties", Json::object()), std::nullopt,
                                      step.intent.value("idempotency_key", ""));
  if (!stores.disks.find(cid)) cloud->delete_disk(cid);
  stores.journal.finish(step.id, {{"disk_cid", ""}}, services_.clock.now());
}

void InstanceSteps::attach(const VmRecord& vm, const DiskRecord& disk) {
  with_context("attaching disk " + disk.cid.value, [&] {
    const Json hint = vms_.cpi(vm.cpi)->attach_disk(*vm.cid, disk.cid);
    auto conversation = vms_.agent(vm.agent);
    conversation.run_if_known("add_persistent_disk", Json::array({disk.cid.value, hint}));
    if (disk.name.empty()) conversation.run("mount_disk", Json::array({disk.cid.value}));
  });
}

void InstanceSteps::detach(const VmRecord& vm, const DiskRecord& disk, bool agent_answers) {
  with_context("detaching disk " + disk.cid.value, [&] {
    if (agent_answers) {
      auto conversation = vms_.agent(vm.agent);
      if (contains(conversation.run("list_disk"), disk.cid)) {
        conversation.run("unmount_disk", Json::array({disk.cid.value}));
      }
      conversation.run_if_known("remove_persistent_disk", Json::array({disk.cid.value}));
    }
    try {
      vms_.cpi(vm.cpi)->detach_disk(*vm.cid, disk.cid);
    } catch (const CpiError& error) {
      const bool gone = error.type() == ErrorType::disk_not_attached ||
                        error.type() == ErrorType::vm_not_found ||
                        error.type() == ErrorType::disk_not_found;
      if (!gone) throw;
    }
  });
}

// An agent that has the new disk and the old one no more has moved the data: doing so again would
// move it back.
void InstanceSteps::replace_disk(const PlannedInstance& instance, const PlannedDisk& wanted,
                                 const std::string& deployment, const VmRecord& vm, const DiskRecord& old) {
  const auto fresh = create_disk(instance, wanted, deployment, vm);
  // Asked for once more after a crash, it is the one that was made for this before.
  if (fresh.cid == old.cid) return attach(vm, old);
  let_go_of_unused(vm, fresh);
  if (!wanted.name.empty()) {
    attach(vm, fresh);
  } else {
    auto conversation = vms_.agent(vm.agent);
    const Json mounted = conversation.run("list_disk");
    if (!contains(mounted, fresh.cid) || contains(mounted, old.cid)) {
      attach(vm, old);
      attach(vm, fresh);
      conversation.run("migrate_disk", Json::array({old.cid.value, fresh.cid.value}));
    }
  }
  services_.stores.disks.activate(fresh.cid);
}

void InstanceSteps::associate_disks(const VmRecord& vm) {
  // An agent of BOSH takes this message as the whole of its settings but for certificates and blobstores.
  const Json settings = {{"trusted_certs", ""}, {"disk_associations", disk_associations(services_.stores.disks, vm.instance)}};
  with_context("linking its named disks",
               [&] { vms_.agent(vm.agent).run("update_settings", Json::array({settings}), 60s); });
}

void InstanceSteps::let_go_of_unused(const VmRecord& vm, const DiskRecord& fresh) {
  for (const auto& disk : services_.stores.disks.of_instance(fresh.instance)) {
    if (disk.state != DiskState::inactive || disk.name != fresh.name || disk.cid == fresh.cid) continue;
    detach(vm, disk, true);
    orphan_disk(disk);
  }
}

void InstanceSteps::orphan_disk(const DiskRecord& disk) {
  recorded(services_, task_, about("orphan", disk), [&](EventSubject&) {
    services_.stores.disks.set_state(disk.cid, DiskState::orphaned, services_.clock.now());
  });
}

void InstanceSteps::delete_disk(const DiskRecord& disk) {
  SnapshotSteps(services_, task_).remove_of(disk);
  recorded(services_, task_, about("delete", disk), [&](EventSubject&) {
    try {
      vms_.cpi(disk.cpi)->delete_disk(disk.cid);
    } catch (const CpiError& error) {
      if (error.type() != ErrorType::disk_not_found) throw error.within("deleting disk " + disk.cid.value);
    }
    services_.stores.disks.remove(disk.cid);
  });
}

}  // namespace slipway::director
