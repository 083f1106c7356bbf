#include <set>

#include "base/yaml.hpp"
#include "director/api/routes.hpp"
#include "director/api/text_diff.hpp"

namespace slipway::director::api {
namespace {

constexpr int manifest_without_name = 40001;

std::vector<std::int64_t> current_ids(ApiServices& services, const std::string& type) {
  std::vector<std::int64_t> ids;
  for (const auto& config : services.stores.configs.list(type, "", 1)) ids.push_back(config.id);
  return ids;
}

std::string cloud_config_state(const DeploymentRecord& deployment, const std::vector<std::int64_t>& latest) {
  if (deployment.cloud_config_ids.empty()) return "none";
  const std::set<std::int64_t> used(deployment.cloud_config_ids.begin(), deployment.cloud_config_ids.end());
  return used == std::set<std::int64_t>(latest.begin(), latest.end()) ? "latest" : "outdated";
}

std::set<std::string> locked_deployments(ApiServices& services) {
  constexpr std::string_view prefix = "lock:deployment:";
  std::set<std::string> names;
  for (const auto& lock : services.locks.all())
    if (lock.name.starts_with(prefix)) names.insert(lock.name.substr(prefix.size()));
  return names;
}

Json release_list(ApiServices& services, const std::string& deployment) {
  Json list = Json::array();
  for (const auto id : services.stores.deployments.release_ids(deployment))
    if (const auto release = services.stores.releases.find(id))
      list.push_back({{"name", release->name}, {"version", release->version}});
  return list;
}

Json stemcell_list(ApiServices& services, const std::string& deployment) {
  const auto ids = services.stores.deployments.stemcell_ids(deployment);
  Json list = Json::array();
  for (const auto& stemcell : services.stores.stemcells.all())
    if (std::find(ids.begin(), ids.end(), stemcell.id) != ids.end())
      list.push_back({{"name", stemcell.name}, {"version", stemcell.version}});
  return list;
}

Response list(Routes& routes, ApiServices& services, const Request& request, const Caller& caller) {
  const bool brief = flag(request, "exclude_configs");
  const auto latest = brief ? std::vector<std::int64_t>() : current_ids(services, "cloud");
  const auto locked = locked_deployments(services);
  Json deployments = Json::array();
  for (const auto& deployment : services.stores.deployments.all()) {
    if (!routes.access().allowed(caller, Need::deployment_read, Owner{deployment.teams, ""})) continue;
    Json entry = {{"name", deployment.name},
                  {"teams", deployment.teams},
                  {"locked", locked.contains(deployment.name)}};
    if (!flag(request, "exclude_releases")) entry["releases"] = release_list(services, deployment.name);
    if (!flag(request, "exclude_stemcells")) entry["stemcells"] = stemcell_list(services, deployment.name);
    if (!brief) entry["cloud_config"] = cloud_config_state(deployment, latest);
    deployments.push_back(std::move(entry));
  }
  return Response::json(200, deployments);
}

std::string name_in(const Json& manifest) {
  if (!manifest.is_object()) throw Error(Fault::invalid, "manifest: expected a YAML mapping", 440001);
  const auto name = manifest.find("name");
  if (name == manifest.end() || !name->is_string() || name->get_ref<const std::string&>().empty())
    throw Error(Fault::invalid, "manifest: 'name' is missing or no text", manifest_without_name);
  return name->get<std::string>();
}

Response create(Routes& routes, ApiServices& services, Request& request, const Caller& caller) {
  const auto manifest = text_body(request);
  const auto name = name_in(parse_yaml(manifest, "manifest"));
  const auto teams = Access::teams_administered(caller);
  if (services.stores.deployments.find(name))
    routes.demand(caller, Need::deployment_admin, routes.owner_of_deployment(name));
  else if (!routes.access().is_admin(caller) && !flag(request, "dry_run"))
    services.stores.deployments.create_for_teams(name, teams, services.clock.now());
  TaskRecord task;
  task.type = "create_deployment";
  task.description = flag(request, "dry_run") ? "create deployment (dry run)" : "create deployment";
  task.deployment = name;
  task.arguments = {{"manifest", manifest}, {"options", query_as_json(request)}};
  return submit(services, request, caller, std::move(task));
}

Response remove(ApiServices& services, const Request& request, const Caller& caller) {
  const auto deployment = deployment_in_path(services, request);
  TaskRecord task;
  task.type = "delete_deployment";
  task.description = "delete deployment " + deployment.name;
  task.deployment = deployment.name;
  task.arguments = {{"name", deployment.name},
                    {"force", flag(request, "force")},
                    {"delete_disks", flag(request, "delete_disks")}};
  return submit(services, request, caller, std::move(task));
}

Response show(ApiServices& services, const Request& request) {
  const auto deployment = deployment_in_path(services, request);
  // The attempted one helps after a failed deploy; the CLI reads `manifest` only.
  return Response::json(
      200, {{"manifest", deployment.manifest.empty() ? Json(nullptr) : Json(deployment.manifest)},
            {"attempted_manifest",
             deployment.attempted_manifest.empty() ? Json(nullptr) : Json(deployment.attempted_manifest)}});
}

// Works for a deployment that does not exist yet; a failure is told inside a 200.
Response diff(Routes& routes, ApiServices& services, Request& request, const Caller& caller) {
  const auto& name = request.path_param("deployment");
  const auto before = services.stores.deployments.find(name);
  if (before) routes.demand(caller, Need::deployment_admin, Owner{before->teams, ""});
  const Json context = {{"cloud_config_ids", current_ids(services, "cloud")},
                        {"runtime_config_ids", current_ids(services, "runtime")}};
  const bool redact = text(request, "redact") != "false";
  const auto manifest = text_body(request);
  try {
    const auto lines = document_diff(before ? before->manifest : "", manifest, "manifest", redact);
    return Response::json(200, {{"context", context}, {"diff", lines}});
  } catch (const Error& error) {
    return Response::json(200, {{"context", context},
                                {"diff", Json::array()},
                                {"error", "Unable to diff manifest: " + std::string(error.what())}});
  }
}

Response variables(ApiServices& services, const Request& request) {
  const auto deployment = deployment_in_path(services, request);
  Json list = Json::array();
  for (const auto& variable : services.stores.variable_values.pinned_names(deployment.name))
    list.push_back({{"id", std::to_string(variable.id)}, {"name", variable.name}});
  return Response::json(200, list);
}

// Of what the deployment runs with; what an operator has set by hand may be no certificate at all.
Response certificate_expiry(ApiServices& services, const Request& request) {
  const auto deployment = deployment_in_path(services, request);
  Json list = Json::array();
  for (const auto& variable : services.stores.variable_values.pinned(deployment.name)) {
    if (!variable.value.is_object() || !variable.value.value("certificate", Json()).is_string()) continue;
    try {
      list.push_back(
          expiry(variable.name, variable.value.at("certificate").get<std::string>(), services.clock.now()));
    } catch (const Error& error) {
      services.log.debug("variable.no_certificate", {{"variable", variable.name}, {"error", error.what()}});
    }
  }
  return Response::json(200, list);
}

}  // namespace

void add_deployment_routes(Routes& routes, ApiServices& services) {
  routes.add("GET", "/deployments", Need::list, [&](Request& request, const Caller& caller) {
    return list(routes, services, request, caller);
  });
  routes.add("POST", "/deployments", Need::create_deployment, [&](Request& request, const Caller& caller) {
    return create(routes, services, request, caller);
  });
  routes.add("GET", "/deployments/{deployment}", Need::deployment_read,
             [&](Request& request, const Caller&) { return show(services, request); });
  routes.add("DELETE", "/deployments/{deployment}", Need::deployment_admin,
             [&](Request& request, const Caller& caller) { return remove(services, request, caller); });
  routes.add("POST", "/deployments/{deployment}/diff", Need::create_deployment,
             [&](Request& request, const Caller& caller) { return diff(routes, services, request, caller); });
  routes.add("GET", "/deployments/{deployment}/variables", Need::deployment_read,
             [&](Request& request, const Caller&) { return variables(services, request); });
  routes.add("GET", "/deployments/{deployment}/certificate_expiry", Need::deployment_read,
             [&](Request& request, const Caller&) { return certificate_expiry(services, request); });
}

}  // namespace slipway::director::api
