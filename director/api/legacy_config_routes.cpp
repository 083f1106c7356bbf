#include "base/yaml.hpp"
#include "director/api/routes.hpp"
#include "director/api/text_diff.hpp"

namespace slipway::director::api {
namespace {

struct Family {
  std::string path, type;
};

const std::vector<Family>& families() {
  static const std::vector<Family> all = {
      {"/cloud_configs", "cloud"}, {"/runtime_configs", "runtime"}, {"/cpi_configs", "cpi"}};
  return all;
}

std::string name_of(const Request& request) {
  const auto name = text(request, "name");
  return name.empty() ? "default" : name;
}

void add(Routes& routes, ApiServices& services, const Family& family) {
  const auto type = family.type;
  routes.add("GET", family.path, Need::list, [&services, type](Request& request, const Caller&) {
    Json configs = Json::array();
    const auto limit = static_cast<int>(integer(request, "limit", 1, 1, 100000));
    for (const auto& config : services.stores.configs.list(type, name_of(request), limit))
      configs.push_back({{"properties", config.content},
                         {"name", config.name},
                         {"created_at", to_director_time(config.created_at)}});
    return Response::json(200, configs);
  });
  routes.add("POST", family.path, Need::admin, [&services, type](Request& request, const Caller&) {
    const auto content = text_body(request);
    check_config(services, type, name_of(request), content);
    services.stores.configs.put(type, name_of(request), content, std::nullopt, services.clock.now());
    return Response::empty(201);
  });
  routes.add("POST", family.path + "/diff", Need::admin, [&services, type](Request& request, const Caller&) {
    const auto content = text_body(request);
    check_config(services, type, name_of(request), content);
    const bool redact = text(request, "redact") != "false";
    const auto latest = services.stores.configs.list(type, name_of(request), 1);
    const auto before = latest.empty() ? "" : latest.front().content;
    return Response::json(200, {{"diff", document_diff(before, content, "config", redact)}});
  });
}

Response of_deployments(Routes& routes, ApiServices& services, const Request& request, const Caller& caller) {
  Json rows = Json::array();
  const auto [begin, end] = request.query.equal_range("deployment[]");
  for (auto it = begin; it != end; ++it) {
    const auto deployment = services.stores.deployments.find(it->second);
    if (!deployment || !routes.access().allowed(caller, Need::deployment_read, Owner{deployment->teams, ""})) continue;
    for (const auto* ids : {&deployment->cloud_config_ids, &deployment->runtime_config_ids})
      for (const auto id : *ids)
        if (const auto config = services.stores.configs.find(id))
          rows.push_back({{"deployment", deployment->name},
                          {"config", {{"id", id}, {"type", config->type}, {"name", config->name}}}});
  }
  return Response::json(200, rows);
}

}  // namespace

void add_legacy_config_routes(Routes& routes, ApiServices& services) {
  for (const auto& family : families()) add(routes, services, family);
  routes.add("GET", "/deployment_configs", Need::list, [&](Request& request, const Caller& caller) {
    return of_deployments(routes, services, request, caller);
  });
}

}  // namespace slipway::director::api
