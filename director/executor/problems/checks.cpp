#include "director/executor/problems/checks.hpp"

#include <algorithm>

#include "base/json_text.hpp"
#include "director/executor/vm_steps.hpp"
#include "stemcells/agent/protocol/protocol.hpp"

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

// nullopt: it does not answer; null: it answers with a complaint.
std::optional<Json> state_of(Services& services, const AgentId& agent, const Json& arguments) {
  try {
    return services.agents.request(agent, "get_state", arguments, services.settings.state_wait);
  } catch (const AgentError&) {
    return Json();
  } catch (const Error& error) {
    if (error.fault() == Fault::cancelled) throw;
    return std::nullopt;
  }
}

std::string full_disk_in(const Json& state, int full_percent) {
  const auto vitals = state.is_object() ? state.value("vitals", Json()) : Json();
  for (const std::string disk : {"ephemeral", "system"}) {
    const auto use = agent::disk_use(vitals, disk);
    if (use && use->own && use->percent >= full_percent) return disk + " disk is " + std::to_string(use->percent) + " % full";
  }
  return "";
}

}  // namespace

AgentLook look_at_agent(Services& services, const AgentId& agent) {
  const auto state = state_of(services, agent, Json::array({"full"}));
  if (!state) return {};
  const bool failing = text_or_empty(*state, "job_state") == "failing";
  return {.answers = true,
          .full_disk = full_disk_in(*state, services.settings.full_disk_percent),
          .failing_jobs = failing && services.settings.failing_jobs};
}

bool agent_answers(Services& services, const AgentId& agent) { return state_of(services, agent, Json::array()).has_value(); }

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
