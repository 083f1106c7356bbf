#include "base/yaml.hpp"
#include "pks-api/api/openapi.hpp"
#include "pks-api/api/routes.hpp"

namespace slipway::pks {

void add_all_routes(Routes& routes, Services& services) {
  add_cluster_routes(routes, services);
  add_task_routes(routes, services);
  add_tenant_routes(routes, services);
}

http::Handler api_handler(Services& services) {
  auto router = std::make_shared<http::Router>();
  Routes routes(*router, services);
  add_all_routes(routes, services);
  const auto health = [](http::Request&) { return http::Response::json(200, {{"status", "UP"}}); };
  router->add("GET", "/healthz", [](http::Request&) { return http::Response::text(200, "ok\n"); });
  router->add("GET", "/actuator/health", health);
  // Clients of the product look at these to see that it is there.
  router->add("GET", "/actuator", [](http::Request&) {
    const Json links = {{"health", {{"href", "/actuator/health"}}}, {"info", {{"href", "/actuator/info"}}}};
    return http::Response::json(200, {{"_links", links}});
  });
  router->add("GET", "/actuator/info", [](http::Request&) {
    return http::Response::json(200, {{"app", {{"name", "slipway-pks-api"}, {"version", product_version}}}});
  });
  // Where a client finds the token endpoint.
  router->add("GET", "/info", [&services](http::Request&) {
    return http::Response::json(200, {{"name", "slipway-pks-api"},
                                      {"version", product_version},
                                      {"identity_port", services.identity_port}});
  });
  const auto document = parse_yaml(openapi_document(), "openapi.yml");
  router->add("GET", "/v2/api-docs",
              [document](http::Request&) { return http::Response::json(200, document); });
  router->add("GET", "/metrics", [&services](http::Request&) { return metrics(services); });
  return [router](http::Request& request) { return (*router)(request); };
}

}  // namespace slipway::pks
