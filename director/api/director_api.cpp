#include "director/api/director_api.hpp"

#include "director/api/routes.hpp"

namespace slipway::director {

struct DirectorApi::State {
  State(ApiServices the_services, ApiSettings the_settings)
      : services(std::move(the_services)),
        settings(std::move(the_settings)),
        authenticator(settings.users, settings.token_keys, services.clock, services.random),
        routes(services, settings, authenticator) {
    api::add_info_routes(routes, services, settings);
    api::add_task_routes(routes, services);
    api::add_config_routes(routes, services);
    api::add_legacy_config_routes(routes, services);
    api::add_release_routes(routes, services);
    api::add_package_routes(routes, services);
    api::add_stemcell_routes(routes, services);
    api::add_deployment_routes(routes, services);
    api::add_instance_routes(routes, services);
    api::add_instance_task_routes(routes, services, settings);
    api::add_event_routes(routes, services);
    api::add_problem_routes(routes, services);
    api::add_snapshot_routes(routes, services);
    api::add_resource_routes(routes, services);
    api::add_resurrection_routes(routes, services);
    api::add_health_monitor_routes(routes, services);
    api::add_config_server_routes(routes, services);
  }
  ApiServices services;
  ApiSettings settings;
  Authenticator authenticator;
  api::Routes routes;
};

DirectorApi::DirectorApi(ApiServices services, ApiSettings settings)
    : state_(std::make_unique<State>(std::move(services), std::move(settings))) {}

DirectorApi::~DirectorApi() = default;

http::Response DirectorApi::operator()(http::Request& request) const { return state_->routes(request); }

http::Handler DirectorApi::handler() const {
  return [this](http::Request& request) { return (*this)(request); };
}

const api::Routes& DirectorApi::routes() const { return state_->routes; }

}  // namespace slipway::director
