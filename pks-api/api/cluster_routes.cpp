#include "pks-api/api/routes.hpp"

namespace slipway::pks {

namespace {

using http::Request;
using http::Response;

constexpr int max_wait_seconds = 30;

Response shown_preview(const Preview& preview) {
  Json changes = Json::array();
  for (const auto& change : preview.changes) {
    changes.push_back({{"setting", change.setting}, {"from", change.from}, {"to", change.to}});
  }
  return Response::json(200, {{"changes", changes}, {"warnings", preview.warnings}});
}

// Waits on the board, then tells what the record and the board say. The version is taken
// before the record is read: a change in between is told by the next poll.
Response progress(Services& services, const Request& request, const Caller& caller) {
  const auto& name = request.path_param("name");
  const auto uuid = services.clusters.get(caller, name).uuid;
  const auto wait = number_in_query(request, "wait_seconds", max_wait_seconds);
  const auto version = number_in_query(request, "version", INT64_MAX);
  const auto seen = services.board.wait(uuid, static_cast<std::uint64_t>(version), std::chrono::seconds(wait),
                                        services.max_waiting);
  const auto cluster = services.clusters.get(caller, name);
  const bool known = seen.progress.operation == cluster.operation;
  const auto now = known ? seen.progress : Progress{};
  const auto elapsed = to_epoch_seconds(services.clock.now()) - to_epoch_seconds(cluster.started_at);
  return Response::json(200, {{"version", seen.version},
                              {"name", cluster.name},
                              {"last_action", cluster.last_action},
                              {"last_action_state", cluster.state},
                              {"last_action_description", cluster.description},
                              {"stage", now.stage},
                              {"step", now.step},
                              {"done", now.done},
                              {"total", now.total},
                              {"finished_stages", now.finished_stages},
                              {"next_stages", stages_ahead(cluster.last_action, now)},
                              {"elapsed_seconds", std::max<std::int64_t>(0, elapsed)}});
}

}  // namespace

void add_cluster_routes(Routes& routes, Services& s) {
  const auto shown = [&s](int status, const ClusterRecord& cluster) {
    return Response::json(status, cluster_json(cluster, s.plans));
  };
  routes.add("GET", "/clusters", [&s](Request&, const Caller& caller) {
    Json list = Json::array();
    for (const auto& cluster : s.clusters.list(caller)) list.push_back(cluster_json(cluster, s.plans));
    return Response::json(200, list);
  });
  routes.add("POST", "/clusters", [&s, shown](Request& request, const Caller& caller) {
    return shown(202, s.clusters.create(caller, request.json_body(max_body_bytes)));
  });
  routes.add("GET", "/clusters/{name}", [&s, shown](Request& request, const Caller& caller) {
    return shown(200, s.clusters.get(caller, request.path_param("name")));
  });
  routes.add("GET", "/clusterdetails/{name}", [&s](Request& request, const Caller& caller) {
    const auto cluster = s.clusters.get(caller, request.path_param("name"));
    return Response::json(200, cluster_details_json(cluster, s.plans, s.clock, s.director));
  });
  routes.add("PATCH", "/clusters/{name}", [&s, shown](Request& request, const Caller& caller) {
    const auto& name = request.path_param("name");
    const auto body = request.json_body(max_body_bytes);
    if (flag_in_query(request, "dry_run"))
      return shown_preview(s.clusters.preview_update(caller, name, body));
    return shown(202, s.clusters.update(caller, name, body));
  });
  routes.add("POST", "/clusters/{name}/upgrade", [&s, shown](Request& request, const Caller& caller) {
    const auto& name = request.path_param("name");
    if (flag_in_query(request, "rollback")) return shown(202, s.clusters.roll_back(caller, name));
    if (flag_in_query(request, "dry_run")) return shown_preview(s.clusters.preview_upgrade(caller, name));
    return shown(202, s.clusters.upgrade(caller, name));
  });
  routes.add("DELETE", "/clusters/{name}", [&s](Request& request, const Caller& caller) {
    s.clusters.remove(caller, request.path_param("name"));
    return Response::empty(204);
  });
  routes.add("GET", "/clusters/{name}/progress",
             [&s](Request& request, const Caller& caller) { return progress(s, request, caller); });
  routes.add("POST", "/clusters/{name}/binds", [&s](Request& request, const Caller& caller) {
    s.log.info("api.credentials", {{"cluster", request.path_param("name")}, {"user", caller.name}});
    return Response::json(201, s.clusters.credentials(caller, request.path_param("name")));
  });
  routes.add(
      "GET", "/clusters/{name}/binds/{user}",
      [&s](Request& request, const Caller& caller) {
        return Response::json(
            200, s.clusters.user_kubeconfig(caller, request.path_param("name"), request.path_param("user")));
      },
      Need::a_token);
  routes.add("GET", "/clusters/{name}/certificates", [&s](Request& request, const Caller& caller) {
    Json list = Json::array();
    for (const auto& one : s.clusters.certificates(caller, request.path_param("name"))) {
      list.push_back({{"name", one.name},
                      {"type", one.is_ca ? "Root" : "Leaf"},
                      {"days_left", one.days_left},
                      {"valid_until", one.expires}});
    }
    return Response::json(200, list);
  });
  routes.add("POST", "/clusters/{name}/certificates/rotate", [&s, shown](Request& request, const Caller& caller) {
    return shown(202, s.clusters.rotate_certificates(caller, request.path_param("name")));
  });
  routes.add("GET", "/clusters/{name}/sinks", [&s](Request& request, const Caller& caller) {
    return Response::json(200, s.clusters.sinks(caller, request.path_param("name")));
  });
  routes.add("POST", "/clusters/{name}/sinks", [&s, shown](Request& request, const Caller& caller) {
    const auto& name = request.path_param("name");
    const auto body = request.json_body(max_body_bytes);
    if (flag_in_query(request, "dry_run")) return shown_preview(s.clusters.preview_add_sink(caller, name, body));
    return shown(202, s.clusters.add_sink(caller, name, body));
  });
  routes.add("DELETE", "/clusters/{name}/sinks/{sink}", [&s, shown](Request& request, const Caller& caller) {
    const auto &name = request.path_param("name"), &sink = request.path_param("sink");
    if (flag_in_query(request, "dry_run")) return shown_preview(s.clusters.preview_remove_sink(caller, name, sink));
    return shown(202, s.clusters.remove_sink(caller, name, sink));
  });
  routes.add("GET", "/upgradable",
             [](Request&, const Caller&) { return Response::json(200, product_version); });
  routes.add("GET", "/plans", [&s](Request&, const Caller&) {
    Json list = Json::array();
    for (const auto& plan : s.plans.offered()) list.push_back(plan_json(plan));
    return Response::json(200, list);
  });
}

}  // namespace slipway::pks
