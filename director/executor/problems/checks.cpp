#include "director/executor/problems/checks.hpp"

#include <algorithm>

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

}  // namespace

bool agent_answers(Services& services, const AgentId& agent) {
  try {
    services.agents.request(agent, "get_state", Json::array(), services.settings.state_wait);
    return true;
  } catch (const AgentError&) {
    return true;
  } catch (const Error& error) {
    if (error.fault() == Fault::cancelled) throw;
    return false;
  }
}

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
