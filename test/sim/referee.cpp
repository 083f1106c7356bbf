#include "test/sim/referee.hpp"

#include <filesystem>

#include "base/file.hpp"

namespace slipway::sim {

using namespace std::chrono_literals;
using director::TaskState;

namespace {

// Longer than a scan waits for an answer: who was heard all that while is well, and everybody could know.
constexpr auto heard_long_enough = 60s;

bool is_repair(const std::string& type) { return type == "scan_and_fix"; }

}  // namespace

Referee::Referee(VirtualTime& time, Trace& trace, test::DirectorWorld& ground, Network& network)
    : time_(time), trace_(trace), ground_(ground), network_(network) {
  ground_.cloud.watch_identities();
  remember_data();
}

void Referee::look() {
  for (const auto& violation : ground_.cloud.violations()) throw Broken("the cloud: " + violation);
  for (const auto& violation : ground_.agents.violations()) throw Broken("an agent: " + violation);
  if (std::exchange(tasks_changed_, false)) look_at_tasks();
  if (!std::exchange(disks_changed_, false)) return;
  look_at_disks();
  remember_data();
}

// What is in a transaction is not told.
void Referee::store_changed(std::string_view statement) {
  const bool unknown = statement == "transaction";
  tasks_changed_ = tasks_changed_ || unknown || statement.find("tasks") != std::string_view::npos;
  disks_changed_ = disks_changed_ || unknown || statement.find("disks") != std::string_view::npos;
}

// What a client was told of is there for good and ends once; a deployment has one repair at a time.
void Referee::look_at_tasks() {
  std::map<director::TaskId, TaskState> states;
  std::map<director::TaskId, std::string> results;
  for (const auto& row : ground_.database.run("SELECT id, state, result FROM tasks").rows) {
    states[row.integer("id")] = director::task_state_from_string(row.text("state"));
    results[row.integer("id")] = row.text("result");
  }
  for (auto& [id, known] : tasks_) {
    const auto found = states.find(id);
    const auto name = "task " + std::to_string(id) + " (" + known.what + ")";
    if (found == states.end()) throw Broken(name + " was acknowledged and is gone");
    if (found->second == known.state) continue;
    if (known.final)
      throw Broken(name + " had ended as " + to_string(known.state) + " and is " + to_string(found->second));
    known.state = found->second;
    known.final = is_final(found->second);
    trace_.line(time_.now(), "task", name + " is " + to_string(known.state) + (known.final ? ": " + results[id] : ""));
  }
}

// No disk is mounted by two agents that live. A VM that comes back may have taken a disk that was free by then.
void Referee::look_at_disks() {
  std::map<std::string, AgentId> mounted_by;
  for (const auto& [cid, vm] : ground_.cloud.vms()) {
    if (vm.off || vm.ghost) continue;
    auto used = ground_.agents.mounted(vm.agent);
    for (const auto& [name, disk] : ground_.agents.linked(vm.agent)) used.insert(disk);
    for (const auto& disk : used) {
      const auto [other, is_first] = mounted_by.emplace(disk, vm.agent);
      const auto real = ground_.cloud.find_disk(cpi::DiskCid{disk});
      const bool both_attached = real && real->attached_to == cid;
      if (!is_first && both_attached)
        throw Broken("disk " + disk + " is mounted by " + other->second.value + " and " + vm.agent.value);
    }
  }
}

// Where an instance's data are: on the disk they were first written to, or on one they were migrated to.
void Referee::remember_data() {
  for (const auto& deployment : ground_.stores.deployments.all()) {
    for (const auto& disk : ground_.stores.disks.of_deployment(deployment.name)) {
      if (disk.state != director::DiskState::active || disk.name == "spare") continue;
      const auto origin = ground_.agents.origin_of(disk.cid.value);
      if (origin.empty()) continue;
      const auto [known, is_new] = origins_.emplace(disk.instance.value + disk.name, origin);
      if (!is_new && known->second != origin)
        throw Broken("instance " + disk.instance.value + " runs with disk " + disk.cid.value +
                     " and has lost its data, which were on " + known->second);
    }
  }
}

// A host that is down is asked in vain.
void Referee::cpi_asked(const cpi::CallOnItsWay& call) {
  if (call.method == "detach_disk") taken_off_.emplace(*call.vm, *call.disk);
  if (call.method == "attach_disk") taken_off_.erase({*call.vm, *call.disk});
  if (call.method == "get_disks") {
    for (const auto& disk : ground_.cloud.disks_of(*call.vm)) taken_off_.emplace(*call.vm, disk);
  }
}

void Referee::cpi_called(const cpi::CallOnItsWay& call) {
  if (call.method == "delete_vm" || call.method == "reboot_vm" || call.method == "power_off_vm")
    expect_audible_is_spared(call);
  if (call.method == "delete_vm") expect_disks_were_to_go(*call.vm);
  if (call.method == "delete_disk") expect_disk_is_free(*call.disk);
}

// Only what somebody asked for, or what could not be heard, is rebooted or deleted.
void Referee::expect_audible_is_spared(const cpi::CallOnItsWay& call) {
  const auto vm = ground_.cloud.find_vm(*call.vm);
  if (!vm || !network_.undisturbed_for(vm->agent, heard_long_enough)) return;
  bool repairs = false, others = false;
  for (const auto& row : ground_.database.run("SELECT type FROM tasks WHERE state IN ('processing', 'cancelling')").rows)
    (is_repair(row.text("type")) ? repairs : others) = true;
  if (repairs && !others)
    throw Broken(call.method + " of " + call.vm->value + ", which everybody could hear for the last minute");
}

// A cloud spares the disks of a VM that it deletes, and one that nobody hears may hold them fast: but they are
// not left on it without a try.
void Referee::expect_disks_were_to_go(const cpi::VmCid& vm) {
  for (const auto& disk : ground_.cloud.disks_of(vm)) {
    if (!taken_off_.contains({vm, disk}))
      throw Broken("VM " + vm.value + " is deleted with disk " + disk.value + " on it, which nobody tried to take off");
  }
}

void Referee::expect_disk_is_free(const cpi::DiskCid& disk) {
  const auto row = ground_.stores.disks.find(disk);
  if (!row || row->state != director::DiskState::active) return;
  const auto instance = ground_.stores.instances.find(row->instance);
  if (!instance) return;
  const auto deleting = ground_.database.run(
      "SELECT id FROM tasks WHERE type = 'delete_deployment' AND state IN ('processing', 'cancelling')");
  if (deleting.rows.empty()) throw Broken("disk " + disk.value + " is deleted and " + instance->name() + " has it");
}

void Referee::acknowledged(director::TaskId task, const std::string& what) {
  tasks_.try_emplace(task, Known{.what = what});
  tasks_changed_ = true;
}

std::vector<std::string> Referee::unrest() {
  std::vector<std::string> found;
  for (const auto& row :
       ground_.database.run("SELECT id, type, state FROM tasks WHERE state IN ('queued', 'processing', 'cancelling')")
           .rows)
    found.push_back("task " + std::to_string(row.integer("id")) + " " + row.text("type") + " is " + row.text("state"));
  for (const auto& [cid, vm] : ground_.cloud.vms()) {
    if (!vm.off && !network_.runs(vm.agent)) found.push_back("VM " + cid.value + " does not run");
  }
  for (const auto& deployment : ground_.stores.deployments.all()) {
    for (const auto& instance : ground_.stores.instances.of_deployment(deployment.name)) {
      const auto name = deployment.name + "/" + instance.name();
      const auto vm = ground_.stores.vms.active_of(instance.id);
      if (!vm)
        found.push_back(name + " has no VM");
      else if (!network_.runs(vm->agent))
        found.push_back(name + " does not run");
      else if (ground_.agents.job_state(vm->agent) != "running")
        found.push_back("the jobs of " + name + " are " + ground_.agents.job_state(vm->agent));
    }
  }
  return found;
}

std::vector<std::string> Referee::shortcomings() {
  auto found = unrest();
  for (const auto& inconsistency : ground_.inconsistencies()) found.push_back(inconsistency);
  for (const auto& leaked : ground_.leaked_blobs()) found.push_back(leaked);
  for (const auto& deployment : ground_.stores.deployments.all()) {
    for (const auto& instance : ground_.stores.instances.of_deployment(deployment.name)) {
      const auto name = deployment.name + "/" + instance.name();
      const auto vm = ground_.stores.vms.active_of(instance.id);
      if (!vm || !ground_.cloud.find_vm(vm->cid.value_or(VmCid{}))) continue;
      if (!instance.update_completed) found.push_back(name + " is still being updated");
      if (ground_.agents.spec(vm->agent) != instance.spec) found.push_back(name + " runs something else than recorded");
      std::set<std::string> disks;
      std::map<std::string, std::string> named;
      for (const auto& disk : ground_.stores.disks.of_instance(instance.id)) {
        if (disk.state != director::DiskState::active) continue;
        if (disk.name.empty()) disks.insert(disk.cid.value);
        else named[disk.name] = disk.cid.value;
      }
      if (ground_.agents.mounted(vm->agent) != disks) found.push_back(name + " has not just its disk mounted");
      if (ground_.agents.linked(vm->agent) != named) found.push_back(name + " has not just its named disks linked");
    }
  }
  look_for_secrets(found);
  return found;
}

// The password of the blobstore that agents of old stemcells have, and the key of the store.
void Referee::look_for_secrets(std::vector<std::string>& found) {
  const auto folder = ground_.folder.path() / "tasks";
  if (!std::filesystem::exists(folder)) return;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const auto text = read_file(entry.path().string());
    for (const auto* secret : {test::blobstore_password, test::store_key}) {
      if (text.find(secret) != std::string::npos)
        found.push_back("a secret is in " + entry.path().lexically_relative(folder).string());
    }
  }
}

}  // namespace slipway::sim
