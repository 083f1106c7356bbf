#include "director/api/routes.hpp"

namespace slipway::director::api {
namespace {

Response pause(ApiServices& services, const Request& request, const Caller& caller) {
  const auto body = request.json_body(1u << 20);
  Problems problems;
  const bool paused = JsonReader(body, "", problems).boolean("resurrection_paused");
  problems.throw_if_any("resurrection");
  services.stores.attributes.set_resurrection_paused(paused);
  services.tell_change({{"resurrection_paused", paused}});
  EventRecord event;
  event.time = services.clock.now();
  event.user = caller.user;
  event.action = paused ? "disable" : "enable";
  event.object_type = "resurrection";
  services.stores.events.insert(event);
  return Response::empty(200);
}

}  // namespace

void add_resurrection_routes(Routes& routes, ApiServices& services) {
  routes.add("PUT", "/resurrection", Need::admin,
             [&](Request& request, const Caller& caller) { return pause(services, request, caller); });
  routes.add("PUT", "/deployments/{deployment}/jobs/{group}/{id}/resurrection", Need::deployment_admin,
             [](Request&, const Caller&) {
               return Response::json(
                   410, {{"code", 100},
                         {"description",
                          "Resurrection of a single instance is said in a config of the type 'resurrection'; "
                          "set one with `bosh update-config`"}});
             });
}

}  // namespace slipway::director::api
