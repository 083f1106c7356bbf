#include "director/api/routes.hpp"

namespace slipway::director::api {
namespace {

Json to_json(const VariableRecord& variable) {
  return {{"id", std::to_string(variable.id)}, {"name", variable.name}, {"value", variable.value}};
}

// The director's own keys lie in the same store and are nobody's variables.
bool is_internal(const std::string& name) { return name.starts_with("/:"); }

Response newest(ApiServices& services, const Request& request) {
  const auto name = text(request, "name");
  if (name.empty()) throw Error(Fault::invalid, "query 'name' is required");
  const auto variable = services.stores.variable_values.latest(name);
  if (!variable || is_internal(name)) throw Error(Fault::not_found, "there is no variable '" + name + "'");
  return Response::json(200, {{"data", Json::array({to_json(*variable)})}});
}

}  // namespace

void add_config_server_routes(Routes& routes, ApiServices& services) {
  routes.add("GET", "/v1/data", Need::admin,
             [&](Request& request, const Caller&) { return newest(services, request); });
  routes.add("GET", "/v1/data/{id}", Need::admin, [&](Request& request, const Caller&) {
    const auto variable = services.stores.variable_values.find(id_in_path(request, "id"));
    if (!variable || is_internal(variable->name))
      throw Error(Fault::not_found, "there is no variable with id " + request.path_param("id"));
    return Response::json(200, to_json(*variable));
  });
}

}  // namespace slipway::director::api
