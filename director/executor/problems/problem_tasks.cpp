#include "director/executor/problems/problem_tasks.hpp"

#include <charconv>

#include "director/domain/instance_requests.hpp"
#include "director/executor/dns.hpp"
#include "director/executor/problems/resolver.hpp"
#include "director/executor/problems/scan.hpp"

namespace slipway::director {

using namespace std::chrono_literals;

namespace {

std::string deployment_of(const TaskContext& task) { return task.task().arguments.value("deployment", ""); }

std::unique_ptr<Locks::Held> lock_deployment(Services& services, TaskContext& task, std::chrono::milliseconds wait) {
  const auto name = deployment_of(task);
  auto held = services.locks.acquire("lock:deployment:" + name, task.task().id, wait);
  if (!services.stores.deployments.find(name))
    throw Error(Fault::not_found, "deployment '" + name + "' does not exist", 70000);
  return held;
}

ProblemResolver::Choices choices_of(const Json& resolutions) {
  ProblemResolver::Choices choices;
  for (const auto& [key, value] : resolutions.items()) {
    std::int64_t id = 0;
    const auto parsed = std::from_chars(key.data(), key.data() + key.size(), id);
    if (parsed.ec != std::errc{} || parsed.ptr != key.data() + key.size())
      throw Error(Fault::invalid, "resolutions: '" + key + "' is no number of a problem", 410003);
    choices[id] = value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
  }
  return choices;
}

std::map<std::string, Amount> overrides_of(const Json& overrides) {
  std::map<std::string, Amount> amounts;
  for (const auto& [group, text] : overrides.items()) {
    const auto amount = Amount::parse(text.get<std::string>());
    if (!amount) throw Error(Fault::invalid, "max_in_flight_overrides." + group + ": " + text.dump(), 40005);
    amounts[group] = *amount;
  }
  return amounts;
}

// Afterwards others know of the repaired instances: their names, and that they are back. Where something
// failed, what was repaired has its names all the same.
int resolve_and_tell(Services& services, TaskContext& task, const ProblemResolver::Choices& choices,
                     const std::map<std::string, Amount>& max_in_flight = {}) {
  int resolved = 0;
  // A VM whose deletion was begun counts as none, so it has to be gone before another is made.
  VmSteps(services, task).finish_removals(deployment_of(task));
  try {
    resolved = ProblemResolver(services, task, deployment_of(task)).resolve(choices, max_in_flight);
  } catch (const Error& error) {
    if (error.fault() != Fault::cancelled) publish_dns(services, task);
    throw;
  }
  publish_dns(services, task);
  run_post_deploys(services, task, deployment_of(task));
  return resolved;
}

std::vector<InstanceId> instances_named(Services& services, TaskContext& task, const Json& jobs) {
  std::vector<InstanceId> ids;
  for (const auto& instance : services.stores.instances.of_deployment(deployment_of(task))) {
    for (const auto& named : jobs.value(instance.group, Json::array())) {
      const auto text = named.is_string() ? named.get<std::string>() : named.dump();
      if (!is_called(instance, text)) continue;
      if (instance.ignore) {
        task.debug(instance.name() + " is ignored");
      } else {
        ids.push_back(instance.id);
      }
    }
  }
  return ids;
}

}  // namespace

// It does not wait: whoever works on the deployment now would make what is found untrue.
std::string scan_deployment(Services& services, TaskContext& task) {
  const auto lock = lock_deployment(services, task, 0ms);
  ProblemScan(services, task, deployment_of(task)).everything();
  return "scan complete";
}

std::string apply_resolutions(Services& services, TaskContext& task) {
  const auto& arguments = task.task().arguments;
  const auto choices = choices_of(arguments.value("resolutions", Json::object()));
  const auto overrides = overrides_of(arguments.value("max_in_flight_overrides", Json::object()));
  const auto lock = lock_deployment(services, task, 10s);
  return std::to_string(resolve_and_tell(services, task, choices, overrides)) + " resolved";
}

// For the health monitor, which names instances it believes to be down. Each is looked at again.
std::string scan_and_fix(Services& with_defaults, TaskContext& task) {
  const auto& arguments = task.task().arguments;
  auto services = with_defaults;
  auto& settings = services.settings;
  settings.state_wait =
      std::chrono::milliseconds(arguments.value("state_wait_ms", std::int64_t{settings.state_wait.count()}));
  settings.reboot_wait =
      std::chrono::seconds(arguments.value("reboot_wait_seconds", std::int64_t{settings.reboot_wait.count()}));
  // BOSH's monitor knows nothing of full disks, and asks for no VM that answers to be replaced.
  constexpr int never = 101;
  const auto resolutions = arguments.value("resolutions", Json::object());
  settings.full_disk_percent =
      resolutions.contains("full_disk") ? arguments.value("full_disk_percent", settings.full_disk_percent) : never;
  settings.failing_jobs = resolutions.contains("failing_jobs");
  const auto lock = lock_deployment(services, task, 0ms);
  const auto ids = instances_named(services, task, arguments.value("jobs", Json::object()));
  ProblemResolver::Choices choices;
  const auto choose = [&](std::int64_t id) {
    const auto problem = services.stores.problems.find(id);
    choices[id] = problem ? resolutions.value(to_string(problem->type), "recreate_vm") : "recreate_vm";
  };
  // A task taken up again looks at the problems it was at, not for new ones.
  for (const auto& step : services.stores.journal.of_task(task.task().id)) {
    if (step.kind != "scan_and_fix") continue;
    for (const auto& id : step.intent) choose(id.get<std::int64_t>());
  }
  if (choices.empty()) {
    Json found = Json::array();
    for (const auto& problem : ProblemScan(services, task, deployment_of(task)).vms_of(ids)) found.push_back(problem.id);
    services.stores.journal.begin(task.task().id, "scan_and_fix", "problems", found, services.clock.now());
    for (const auto& id : found) choose(id.get<std::int64_t>());
  }
  if (!choices.empty()) resolve_and_tell(services, task, choices);
  return "scan and fix complete";
}

void register_problem_tasks(TaskQueue& queue, Services& services) {
  const auto add = held_types(queue, services);
  add("cck_scan", scan_deployment);
  add("cck_apply", apply_resolutions);
  add("scan_and_fix", scan_and_fix);
}

}  // namespace slipway::director
