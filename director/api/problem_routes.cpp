#include <algorithm>
#include <charconv>

#include "director/api/routes.hpp"
#include "director/domain/manifest.hpp"

namespace slipway::director::api {
namespace {

constexpr int invalid_resolutions = 410003;
constexpr int invalid_value = 40005;

Json to_json(const ProblemRecord& problem) {
  Json resolutions = Json::array();
  for (const auto& resolution : resolutions_of(problem.type))
    resolutions.push_back({{"name", to_string(resolution.repair)}, {"plan", resolution.plan}});
  return {{"id", problem.id},
          {"type", to_string(problem.type)},
          {"description", problem.description},
          {"instance_group", problem.group},
          {"data", problem.data},
          {"resolutions", resolutions}};
}

Response list(ApiServices& services, const Request& request) {
  Json problems = Json::array();
  for (const auto& problem : services.stores.problems.open(known_deployment(services, request)))
    problems.push_back(to_json(problem));
  return Response::json(200, problems);
}

std::string names_of(ProblemType type) {
  std::string names;
  for (const auto& resolution : resolutions_of(type))
    names += (names.empty() ? "" : ", ") + to_string(resolution.repair);
  return names;
}

// A number nobody knows any more is for the task to tell: a repeated request is no mistake.
void check_resolution(ApiServices& services, const std::string& key, const Json& value, Problems& problems) {
  const auto place = "resolutions." + key;
  std::int64_t id = 0;
  const auto parsed = std::from_chars(key.data(), key.data() + key.size(), id);
  if (parsed.ec != std::errc{} || parsed.ptr != key.data() + key.size())
    return problems.add(place, "the key has to be the number of a problem", invalid_resolutions);
  if (value.is_null()) return;
  if (!value.is_string())
    return problems.add(place, "has to be the name of a resolution, or null for the default one", invalid_resolutions);
  const auto problem = services.stores.problems.find(id);
  const auto name = value.get<std::string>();
  if (problem && !find_resolution(problem->type, name)) {
    problems.add(place, "'" + name + "' is no resolution of a problem '" + to_string(problem->type) + "'; allowed: " +
                            names_of(problem->type),
                 invalid_resolutions);
  }
}

// Group → amount, each as a text.
Json overrides_in(JsonReader& in, Problems& problems) {
  Json amounts = Json::object();
  for (const auto& [group, value] : in.object_or_empty("max_in_flight_overrides").items()) {
    const auto text = value.is_string() ? value.get<std::string>() : value.dump();
    if (!Amount::parse(text)) {
      problems.add(in.place("max_in_flight_overrides") + "." + group,
                   "a number or a percentage such as \"2\" or \"30%\" is allowed", invalid_value);
    }
    amounts[group] = text;
  }
  return amounts;
}

Response apply(ApiServices& services, const Request& request, const Caller& caller) {
  const auto deployment = known_deployment(services, request);
  const auto body = request.json_body(1u << 20);
  Problems problems;
  JsonReader in(body, "", problems);
  const auto& resolutions = in.object("resolutions");
  for (const auto& [key, value] : resolutions.items()) check_resolution(services, key, value, problems);
  const auto overrides = overrides_in(in, problems);
  problems.throw_if_any("resolving problems");
  return submit(services, request, caller,
                task_of_deployment("cck_apply", "apply resolutions", deployment,
                                   {{"resolutions", resolutions}, {"max_in_flight_overrides", overrides}}));
}

// What the health monitor chooses instead of recreating whatever does not answer, and how long it waits. All
// optional; BOSH's monitor sends none of it.
Json repair_options(JsonReader& in, Problems& problems) {
  Json options = Json::object();
  Json resolutions = Json::object();
  for (const auto& [type, name] : in.object_or_empty("resolutions").items()) {
    const auto place = in.place("resolutions") + "." + type;
    const auto of_vms = {ProblemType::missing_vm, ProblemType::unresponsive_agent, ProblemType::full_disk, ProblemType::failing_jobs};
    const bool of_vm = std::any_of(of_vms.begin(), of_vms.end(), [&](ProblemType known) { return type == to_string(known); });
    if (!of_vm) {
      problems.add(place, "only missing_vm, unresponsive_agent, full_disk and failing_jobs are repaired here", invalid_resolutions);
    } else if (!name.is_string() || !find_resolution(problem_type_from_string(type), name.get<std::string>())) {
      problems.add(place, "allowed: " + names_of(problem_type_from_string(type)), invalid_resolutions);
    }
    resolutions[type] = name;
  }
  options["resolutions"] = resolutions;
  if (in.has("state_wait_ms")) options["state_wait_ms"] = in.integer("state_wait_ms", 100, 60'000);
  if (in.has("full_disk_percent")) options["full_disk_percent"] = in.integer("full_disk_percent", 50, 100);
  if (in.has("reboot_wait_seconds")) options["reboot_wait_seconds"] = in.integer("reboot_wait_seconds", 1, 3600);
  return options;
}

Response scan_and_fix(ApiServices& services, const Request& request, const Caller& caller) {
  const auto deployment = known_deployment(services, request);
  const auto body = request.json_body();
  Problems problems;
  JsonReader in(body, "request", problems);
  const auto jobs = in.object("jobs");
  for (const auto& [group, ids] : jobs.items())
    if (!ids.is_array() || !std::all_of(ids.begin(), ids.end(), [](const Json& id) { return id.is_string(); }))
      problems.add("jobs." + group, "expected a list of instance ids");
  auto arguments = repair_options(in, problems);
  arguments["jobs"] = jobs;
  problems.throw_if_any("scan and fix");
  if (services.stores.attributes.resurrection_paused()) return Response::empty(200);
  return submit(services, request, caller,
                task_of_deployment("scan_and_fix", "scan and fix", deployment, std::move(arguments)));
}

}  // namespace

void add_problem_routes(Routes& routes, ApiServices& services) {
  routes.add("POST", "/deployments/{deployment}/scans", Need::deployment_admin,
             [&](Request& request, const Caller& caller) {
               return submit(services, request, caller,
                             task_of_deployment("cck_scan", "scan cloud", known_deployment(services, request)));
             });
  routes.add("GET", "/deployments/{deployment}/problems", Need::deployment_admin,
             [&](Request& request, const Caller&) { return list(services, request); });
  routes.add("PUT", "/deployments/{deployment}/problems", Need::deployment_admin,
             [&](Request& request, const Caller& caller) { return apply(services, request, caller); });
  routes.add("PUT", "/deployments/{deployment}/scan_and_fix", Need::repair,
             [&](Request& request, const Caller& caller) { return scan_and_fix(services, request, caller); });
}

}  // namespace slipway::director::api
