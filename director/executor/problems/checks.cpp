#include "director/executor/problems/checks.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "director/executor/vm_steps.hpp"

namespace slipway::director {

namespace {

template <class Ask>
Existence asked(TaskContext& task, const std::string& what, Ask&& ask) {
  try {
    return ask() ? Existence::yes : Existence::no;
  } catch (const cpi::CpiError& error) {
    if (error.fault() == Fault::cancelled) throw;
    if (!error.is_unsupported()) task.warning("the cloud does not say whether " + what + " exists: " + error.what());
    return Existence::unknown;
  }
}

// Nothing the agent says is taken for granted.
int percent_in(const Json& disk, const char* key) {
  const auto found = disk.find(key);
  if (found == disk.end() || !found->is_string()) return 0;
  const auto& text = found->get_ref<const std::string&>();
  int value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() ? value : 0;
}

std::string full_disk_in(const Json& state, int full_percent) {
  constexpr std::array of_the_vm = {"ephemeral", "system"};
  const auto disks = Json::json_pointer("/vitals/disk");
  if (!state.is_object() || !state.contains(disks)) return "";
  for (const auto* name : of_the_vm) {
    const auto& all = state.at(disks);
    if (!all.is_object() || !all.contains(name) || !all.at(name).is_object()) continue;
    const auto& disk = all.at(name);
    const auto own = disk.find("own");
    if (own == disk.end() || !own->is_boolean() || !own->get<bool>()) continue;
    const int percent = std::max(percent_in(disk, "percent"), percent_in(disk, "inode_percent"));
    if (percent >= full_percent) return std::string(name) + " disk is " + std::to_string(percent) + " % full";
  }
  return "";
}

}  // namespace

AgentLook look_at_agent(Services& services, const AgentId& agent) {
  try {
    const auto state = services.agents.request(agent, "get_state", Json::array({"full"}), services.settings.state_wait);
    return {.answers = true, .full_disk = full_disk_in(state, services.settings.full_disk_percent)};
  } catch (const AgentError&) {
    return {.answers = true, .full_disk = ""};
  } catch (const Error& error) {
    if (error.fault() == Fault::cancelled) throw;
    return {};
  }
}

bool agent_answers(Services& services, const AgentId& agent) { return look_at_agent(services, agent).answers; }

std::optional<std::vector<std::string>> mounted_disks(Services& services, TaskContext& task, const AgentId& agent) {
  try {
    const Json mounted = VmSteps(services, task).agent(agent).run("list_disk");
    std::vector<std::string> disks;
    for (const auto& disk : mounted) disks.push_back(disk.get<std::string>());
    return disks;
  } catch (const Json::exception&) {
    return std::nullopt;
  } catch (const Error& error) {
    if (error.fault() == Fault::cancelled) throw;
    task.debug(std::string("its disks are not known: ") + error.what());
    return std::nullopt;
  }
}

std::optional<bool> disk_is_there(Services& services, TaskContext& task, const VmRecord& vm, const DiskRecord& disk) {
  if (disk.name.empty()) {
    const auto mounted = mounted_disks(services, task, vm.agent);
    if (!mounted) return std::nullopt;
    return std::find(mounted->begin(), mounted->end(), disk.cid.value) != mounted->end();
  }
  if (!vm.cid) return std::nullopt;
  try {
    const auto attached = services.cpis.open(vm.cpi, task.cpi_observer())->get_disks(*vm.cid);
    return std::find(attached.begin(), attached.end(), disk.cid) != attached.end();
  } catch (const cpi::CpiError& error) {
    if (error.fault() == Fault::cancelled) throw;
    if (!error.is_unsupported()) task.warning("the cloud does not say which disks VM " + vm.cid->value + " has: " + error.what());
    return std::nullopt;
  }
}

Existence vm_exists(Services& services, TaskContext& task, const VmRecord& vm) {
  if (!vm.cid) return Existence::no;
  return asked(task, "VM " + vm.cid->value,
               [&] { return services.cpis.open(vm.cpi, task.cpi_observer())->has_vm(*vm.cid); });
}

Existence disk_exists(Services& services, TaskContext& task, const DiskRecord& disk) {
  return asked(task, "disk " + disk.cid.value,
               [&] { return services.cpis.open(disk.cpi, task.cpi_observer())->has_disk(disk.cid); });
}

}  // namespace slipway::director
