#include "base/yaml.hpp"
#include "pks-api/api/openapi.hpp"
#include "pks-api/api/routes.hpp"
#include "pks-api/identity/external_issuer.hpp"

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
  // Where a client finds the token endpoint, and that of the external issuer.
  router->add("GET", "/info", [&services](http::Request&) {
    Json info = {{"name", "slipway-pks-api"},
                 {"version", product_version},
                 {"identity_port", services.identity_port}};
    if (const auto& external = services.oidc.external; !external.issuer_url.empty()) {
      info["external_issuer"] = {{"url", external.issuer_url},
                                 {"ca", external.ca_pem},
                                 {"client", external.api_client},
                                 {"cluster_client", external.cluster_client},
                                 {"user_claim", external.user_claim},
                                 {"user_prefix", external_prefix},
                                 {"cluster_user_prefix", external_cluster_prefix}};
    }
    return http::Response::json(200, info);
  });
  const auto document = parse_yaml(openapi_document(), "openapi.yml");
  router->add("GET", "/v2/api-docs",
              [document](http::Request&) { return http::Response::json(200, document); });
  router->add("GET", "/metrics", [&services](http::Request&) { return metrics(services); });
  return [router](http::Request& request) { return (*router)(request); };
}

}  // namespace slipway::pks
