#include "cpi/vsphere/vms.hpp"

#include <algorithm>
#include <set>

#include "base/digest.hpp"
#include "cpi/vsphere/disk_files.hpp"
#include "cpi/vsphere/drs_rules.hpp"
#include "cpi/vsphere/folders.hpp"
#include "cpi/vsphere/names.hpp"
#include "cpi/vsphere/soap/fault.hpp"

namespace slipway::cpi::vsphere {

namespace {

constexpr const char* complete_key = "slipway.complete";
constexpr const char* rule_key = "slipway.drs_rule";
constexpr int most_rounds = 10;

// Keys of new devices; vCenter gives others.
constexpr std::int64_t new_disk_key = -10;
constexpr std::int64_t first_new_nic_key = -20;

const Network& network_of(const Datacenter& datacenter, const Cluster& cluster, const std::string& name) {
  for (const auto& network : datacenter.networks) {
    const bool here =
        std::find(cluster.networks.begin(), cluster.networks.end(), network.ref) != cluster.networks.end();
    if (here && network.name == name) return network;
  }
  throw CpiError(ErrorType::vm_creation_failed,
                 "cluster '" + cluster.name + "' has no network '" + name + "'");
}

std::string option_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : dump(value);
}

std::string note_of(const CreateVm& request) {
  return "slipway: agent " + request.agent.value + ", stemcell " + request.stemcell.value;
}

// What a clone has of its own; all that can be said later is said in write_config().
void write_devices(XmlOut& config, const VmWish& wish, const Placement& placement, const Replica& replica) {
  if (wish.ephemeral_disk_mib > 0)
    add_new_disk(config, new_disk_key, free_scsi_place(replica.devices), wish.ephemeral_disk_mib);
  for (std::size_t i = 0; i < wish.nics.size(); ++i) {
    add_nic(config, first_new_nic_key - static_cast<std::int64_t>(i),
            network_of(*placement.datacenter, *placement.cluster, wish.nics[i].portgroup));
  }
}

// The whole configuration in the schema's order.
void write_config(XmlOut& spec, const CreateVm& request, const VmWish& wish,
                  const std::vector<Device>& devices, const std::string& iso, const std::string& settings) {
  spec.text("annotation", note_of(request));
  spec.number("numCPUs", wish.cpu).number("memoryMB", wish.ram_mib);
  if (wish.memory_hot_add) spec.flag("memoryHotAddEnabled", true);
  if (wish.cpu_hot_add) spec.flag("cpuHotAddEnabled", true);
  insert_iso(spec, devices, iso);
  // Lets guests see the UUIDs of their disks, by which agents find them.
  add_option(spec, "disk.enableUUID", "TRUE");
  for (const auto& [key, value] : wish.vmx_options.items()) add_option(spec, key, option_text(value));
  if (!wish.anti_affinity_rule.empty()) add_option(spec, rule_key, wish.anti_affinity_rule);
  add_option(spec, "guestinfo.userdata", base64_encode(settings));
  add_option(spec, "guestinfo.userdata.encoding", "base64");
  add_option(spec, complete_key, "yes");
  if (wish.reserve_all_memory) spec.flag("memoryReservationLockedToMax", true);
  if (wish.nested_virtualization) spec.flag("nestedHVEnabled", true);
}

// Nothing is wrong but that it takes longer.
class NotReady : public Error {
 public:
  explicit NotReady(const std::string& what) : Error(Fault::retryable, what) {}
};
constexpr std::chrono::minutes clone_patience{5};

// Another call changed the VM meanwhile, or what happened is unknown: look again.
bool may_look_again(Fault fault) {
  return fault == Fault::conflict || fault == Fault::retryable || fault == Fault::outcome_unknown;
}

// The disk that a stemcell does not have.
const Device* ephemeral_disk(const VmState& state) {
  const Device* last = nullptr;
  int disks = 0;
  for (const auto& device : state.devices) {
    if (!device.is_disk() || is_persistent_disk(*state.datacenter, device.file)) continue;
    ++disks;
    last = &device;
  }
  return disks > 1 ? last : nullptr;
}

}  // namespace

const Device* VmState::disk(const DatastorePath& wanted) const {
  for (const auto& device : devices) {
    const auto path = parse_datastore_path(device.file);
    if (device.is_disk() && path && path->datastore == wanted.datastore && path->path == wanted.path)
      return &device;
  }
  return nullptr;
}

void Vms::reconfigure(Session& session, const MoRef& vm, const Arguments& write) {
  run_task(session, "ReconfigVM_Task", vm, [&](XmlOut& in) {
    auto spec = in.child("spec");
    write(spec);
  });
}

std::optional<Vms::Found> Vms::find_ref(const VmCid& vm) {
  if (!is_plain_name(vm.value)) return std::nullopt;
  for (const auto& datacenter : session_.config().datacenters) {
    const auto ref = find_by_path(session_, vm_folder_path(datacenter) + "/" + vm.value);
    if (ref && ref->type == "VirtualMachine") return Found{*ref, &datacenter};
  }
  return std::nullopt;
}

std::optional<VmState> Vms::read(const Found& found) {
  const auto seen = retrieve_one(session_, found.ref,
                                 {"name", "runtime.powerState", "runtime.host", "runtime.question",
                                  "config.files.vmPathName", "config.hardware.device", "config.extraConfig"});
  if (!seen) return std::nullopt;
  VmState state{.ref = found.ref, .datacenter = found.datacenter, .name = seen->text("name")};
  state.powered_on = seen->text("runtime.powerState") == "poweredOn";
  state.host = seen->ref("runtime.host");
  state.question = seen->get("runtime.question");
  state.file = seen->text("config.files.vmPathName");
  state.devices = read_devices(seen->get("config.hardware.device"));
  for (const auto& option : seen->get("config.extraConfig").children("OptionValue")) {
    if (option.text("key") == complete_key) state.complete = option.text("value") == "yes";
    if (option.text("key") == rule_key) state.rule = option.text("value");
  }
  return state;
}

std::optional<VmState> Vms::find(const VmCid& vm) {
  const auto found = find_ref(vm);
  return found ? read(*found) : std::nullopt;
}

VmState Vms::get(const VmCid& vm) {
  if (auto found = find(vm)) return std::move(*found);
  throw CpiError(ErrorType::vm_not_found, "VM '" + vm.value + "' does not exist");
}

bool Vms::exists(const VmCid& vm) { return find_ref(vm).has_value(); }

CreatedVm Vms::create(const CreateVm& request, const std::set<std::string>& near_datastores) {
  const VmCid vm{"vm-" + request.agent.value};
  if (!is_plain_name(vm.value)) {
    throw CpiError(ErrorType::vm_creation_failed, Fault::invalid,
                   "agent id '" + request.agent.value +
                       "' is longer than 77 characters or has others than letters, digits, '-', '_' and '.'",
                   false);
  }
  const auto wish = read_wish(request, session_.config());
  for (const auto& key : wish.ignored)
    session_.log().warn("cloud_property.ignored", {{"key", key}, {"vm", vm.value}});
  auto found = find_ref(vm);
  const bool is_new = !found;
  if (is_new) found = clone(request, vm, wish, near_datastores);
  try {
    return complete(request, vm, wish, *found);
  } catch (...) {
    try {
      // A VM that an earlier call brought to its end is somebody's, whatever is wrong with this call.
      if (const auto state = read(*found); state && (is_new || !state->complete)) tear_down(*state);
    } catch (const std::exception& error) {
      session_.log().warn("vm.leftover", {{"vm", vm.value}, {"error", error.what()}});
    }
    throw;
  }
}

Vms::Found Vms::clone(const CreateVm& request, const VmCid& vm, const VmWish& wish,
                      const std::set<std::string>& near_datastores) {
  const auto inventory = read_inventory(session_, wish.datacenters);
  PlacementWish placing{.datastores = wish.datastores,
                        .networks = {},
                        .disk_mib = wish.ephemeral_disk_mib,
                        .memory_mib = wish.ram_mib,
                        .near_datastores = near_datastores,
                        .spread_key = request.agent.value};
  for (const auto& nic : wish.nics) placing.networks.push_back(nic.portgroup);
  const auto placement = choose_placement(inventory, placing, session_.config().datastore_headroom_mib);
  Stemcells stemcells(session_);
  const auto replica = stemcells.replica_for(request.stemcell, placement);
  const auto& datacenter = *session_.config().find_datacenter(placement.datacenter->config->name);
  const auto folder = ensure_folder(session_, datacenter, vm_folder_path(datacenter));
  const auto* host = placement.cluster->drs ? nullptr : placement.cluster->best_host();
  for (int attempt = 1;; ++attempt) {
    try {
      const auto made = run_task(session_, "CloneVM_Task", replica.vm, [&](XmlOut& in) {
                          in.ref("folder", folder).text("name", vm.value);
                          auto spec = in.child("spec");
                          auto location = spec.child("location");
                          location.ref("datastore", placement.datastore->ref)
                              .text("diskMoveType", "createNewChildDiskBacking");
                          location.ref("pool", placement.cluster->pool);
                          // A cluster without DRS wants to be told.
                          if (host != nullptr) location.ref("host", host->ref);
                          spec.flag("template", false);
                          auto config = spec.child("config");
                          config.text("annotation", note_of(request));
                          write_devices(config, wish, placement, replica);
                          spec.flag("powerOn", false).ref("snapshot", replica.snapshot);
                        }).ref();
      return {made, &datacenter};
    } catch (const Error& error) {
      // Taken: by another call for this agent, or by this one whose answer was lost.
      const auto* fault = dynamic_cast<const VimFault*>(&error);
      const bool taken = fault != nullptr && fault->is("DuplicateName");
      if (!taken && error.fault() != Fault::outcome_unknown) throw;
      if (const auto there = find_ref(vm)) return *there;
      if (attempt == most_rounds) throw;
      session_.clock().sleep_for(std::chrono::milliseconds(100 * attempt));
    }
  }
}

// The agent's settings reach the VM twice, for agents look in one place or the other. Returns the networks
// with the cards' addresses.
Json Vms::settle(const CreateVm& request, const VmCid& vm, const VmWish& wish, const VmState& state) {
  const auto macs = macs_of(state.devices);
  if (macs.size() != wish.nics.size()) {
    // A clone that another call, or this one's lost request, has under way gets its hardware last.
    if (!state.complete) throw NotReady("VM '" + vm.value + "' is being cloned");
    throw CpiError(ErrorType::vm_creation_failed, "VM '" + vm.value + "' has " + std::to_string(macs.size()) +
                                                      " network cards, wanted are " +
                                                      std::to_string(wish.nics.size()));
  }
  const auto networks = networks_with_macs(request, wish, macs);
  if (state.complete) return networks;
  const auto home = parse_datastore_path(state.file);
  if (!home) throw NotReady("VM '" + vm.value + "' has no files yet");
  const auto* ephemeral = ephemeral_disk(state);
  const auto settings = dump(agent_settings(
      request, vm, networks, ephemeral == nullptr ? Json() : disk_hint(ephemeral->uuid), session_.config()));
  const Session::DatastoreFile iso{state.datacenter->name, home->datastore, home->folder() + "/env.iso"};
  session_.put_file(iso, env_iso(settings));
  reconfigure(session_, state.ref, [&](XmlOut& spec) {
    write_config(spec, request, wish, state.devices, iso.bracketed(), settings);
  });
  return networks;
}

CreatedVm Vms::complete(const CreateVm& request, const VmCid& vm, const VmWish& wish, const Found& found) {
  const auto deadline = session_.clock().monotonic() + clone_patience;
  for (int round = 1;; ++round) {
    try {
      const auto state = read(found);
      if (!state)
        throw CpiError(ErrorType::vm_creation_failed,
                       "VM '" + vm.value + "' was removed while it was being made", true);
      const bool fresh = !state->complete;
      const auto networks = settle(request, vm, wish, *state);
      if (fresh && wish.upgrade_hardware) run_task(session_, "UpgradeVM_Task", state->ref, {});
      if (!state->powered_on) {
        if (!wish.anti_affinity_rule.empty()) join_rule(session_, *state, wish.anti_affinity_rule);
        power_on(*state, !wish.anti_affinity_rule.empty());
        if (!wish.anti_affinity_rule.empty()) join_rule(session_, *state, wish.anti_affinity_rule);
      }
      return {vm, networks};
    } catch (const CpiError&) {
      throw;
    } catch (const NotReady&) {
      if (session_.clock().monotonic() >= deadline) throw;
      --round;
      session_.clock().sleep_for(std::chrono::milliseconds(250));
    } catch (const Error& error) {
      if (!may_look_again(error.fault()) || round == most_rounds) throw;
      session_.log().info("vm.again", {{"vm", vm.value}, {"error", error.what()}});
      session_.clock().sleep_for(std::chrono::milliseconds(50 * round));
    }
  }
}

void Vms::power_on(const VmState& state, bool by_drs) {
  if (!by_drs) {
    run_task(session_, "PowerOnVM_Task", state.ref, {});
    return;
  }
  // Through the datacenter DRS chooses the host, which now knows the rule.
  const auto datacenter = find_by_path(session_, state.datacenter->name);
  if (!datacenter) throw Error(Fault::not_found, "datacenter '" + state.datacenter->name + "' is gone");
  const auto result =
      run_task(session_, "PowerOnMultiVM_Task", *datacenter, [&](XmlOut& in) { in.ref("vm", state.ref); });
  for (const auto& refused : result.children("notAttempted")) {
    throw_method_fault("powering on '" + state.name + "'",
                       refused.child("fault").child("fault") ? refused.child("fault") : refused);
  }
  for (const auto& attempted : result.children("attempted"))
    finish_task(session_, attempted.ref("task"), "powering on '" + state.name + "'");
}

void Vms::power_off(const VmState& state) {
  if (state.question) {
    // A VM that waits for an answer does nothing else: take what vSphere proposes.
    const auto choices = state.question.at({"choice"}).children("choiceInfo");
    const auto proposed = state.question.child("choice").number("defaultIndex").value_or(0);
    const auto index = proposed >= 0 && static_cast<std::size_t>(proposed) < choices.size()
                           ? static_cast<std::size_t>(proposed)
                           : 0;
    if (index < choices.size()) {
      session_.call("AnswerVM", state.ref, Effect::changes, [&](XmlOut& in) {
        in.text("questionId", state.question.text("id")).text("answerChoice", choices[index].text("key"));
      });
    }
  }
  if (!state.powered_on) return;
  try {
    run_task(session_, "PowerOffVM_Task", state.ref, {});
  } catch (const VimFault& fault) {
    if (!fault.is("InvalidPowerState")) throw;
  }
}

void Vms::tear_down(const VmState& state) {
  power_off(state);
  std::vector<const Device*> loose;
  for (const auto& device : state.devices) {
    const bool keeps = device.is_disk() && is_persistent_disk(*state.datacenter, device.file);
    // With its image still in the drive the file could not be removed.
    if (keeps || device.is_cdrom()) loose.push_back(&device);
  }
  if (!loose.empty()) {
    reconfigure(session_, state.ref, [&](XmlOut& spec) {
      for (const auto* device : loose) remove_device(spec, *device);
    });
  }
  if (!state.rule.empty()) leave_rule(session_, state, state.rule);
  if (const auto home = parse_datastore_path(state.file)) {
    if (const auto datacenter = find_by_path(session_, state.datacenter->name)) {
      delete_file(session_, *datacenter, "[" + home->datastore + "] " + home->folder() + "/env.iso");
    }
  }
  destroy(session_, state.ref);
}

void Vms::remove(const VmCid& vm) {
  for (int round = 1;; ++round) {
    try {
      return tear_down(get(vm));
    } catch (const CpiError& error) {
      // The first round may have come to its end although its answer was lost.
      if (error.type() == ErrorType::vm_not_found && round > 1) return;
      throw;
    } catch (const Error& error) {
      if (!may_look_again(error.fault()) || round == most_rounds) throw;
      session_.clock().sleep_for(std::chrono::milliseconds(50 * round));
    }
  }
}

void Vms::reboot(const VmCid& vm) {
  const auto state = get(vm);
  if (!state.powered_on) {
    power_on(state, false);
    return;
  }
  try {
    session_.call("RebootGuest", state.ref, Effect::changes, {});
  } catch (const VimFault&) {
    // The guest does not listen: no tools yet, or none any more.
    run_task(session_, "ResetVM_Task", state.ref, {});
  }
}

}  // namespace slipway::cpi::vsphere
