#include <charconv>
#include <fstream>
#include <unistd.h>

#include "pks-api/api/api.hpp"

namespace slipway::pks {

namespace {

using http::Request;
using http::Response;

constexpr std::size_t max_body_bytes = 1u << 20;
constexpr int max_wait_seconds = 30;
constexpr const char* product_version = "0.1.0";

int status_of(Fault fault) {
  switch (fault) {
    case Fault::invalid: return 400;
    case Fault::unauthenticated: return 401;
    case Fault::forbidden: return 403;
    case Fault::not_found: return 404;
    case Fault::conflict: return 409;
    case Fault::exhausted: return 413;
    case Fault::retryable:
    case Fault::outcome_unknown: return 503;
    case Fault::cancelled:
    case Fault::internal: return 500;
  }
  return 500;
}

Response problem(int status, const std::string& text, const std::string& code) {
  return Response::json(status, {{"body", text}, {"code", code}});
}

std::int64_t number_in_query(const Request& request, const std::string& name, std::int64_t max) {
  const auto text = request.query_value(name).value_or("0");
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || value < 0 || value > max) {
    throw Error(Fault::invalid, "query '" + name + "' has to be a number from 0 to " + std::to_string(max));
  }
  return value;
}

Json plan_json(const Plan& plan) {
  return {{"id", plan.id},
          {"name", plan.name},
          {"description", plan.description},
          {"kind", plan.kind},
          {"worker_instances", plan.default_nodes},
          {"min_worker_instances", plan.min_nodes},
          {"max_worker_instances", plan.max_nodes},
          {"master_instances", plan.control_plane_instances},
          {"kubernetes_version", plan.kubernetes_version},
          {"allow-privileged-containers", false}};
}

Json details_json(const ClusterRecord& cluster, const Plan* plan, Clock& clock) {
  auto json = cluster_json(cluster, plan);
  json["owner"] = cluster.owner;
  json["deployment"] = deployment_of(cluster);
  json["director_task"] = cluster.task;
  json["last_action_started_at"] = to_rfc3339(cluster.started_at);
  json["last_action_age_seconds"] =
      std::max<std::int64_t>(0, to_epoch_seconds(clock.now()) - to_epoch_seconds(cluster.started_at));
  if (plan) json["plan"] = plan_json(*plan);
  return json;
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

std::string gauge(const std::string& name, const std::string& help, std::size_t value) {
  return "# HELP " + name + " " + help + "\n# TYPE " + name + " gauge\n" + name + " " + std::to_string(value) + "\n";
}

Response metrics(Services& services) {
  std::size_t working = 0, broken = 0;
  const auto clusters = services.store.all();
  for (const auto& cluster : clusters) {
    if (cluster.state == in_progress) ++working;
    if (cluster.state == failed) ++broken;
  }
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return Response::text(
      200,
      gauge("slipway_pks_clusters", "Clusters.", clusters.size()) +
          gauge("slipway_pks_clusters_in_progress", "Clusters whose last action is in progress.", working) +
          gauge("slipway_pks_clusters_failed", "Clusters whose last action failed.", broken) +
          gauge("slipway_pks_operations", "Operations that run or wait in this process.", services.operations.running()) +
          gauge("process_resident_memory_bytes", "Resident memory.",
                resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))),
      "text/plain; version=0.0.4");
}

using Authorized = std::function<Response(Request&, const Caller&)>;

enum class Need { a_scope, a_token };

// Every route of /v1 demands a token with one of the three scopes unless it says otherwise: deny by default.
http::Handler with_caller(Services& services, Authorized handler, Need need) {
  return [&services, need, handler = std::move(handler)](Request& request) {
    try {
      const auto header = request.headers.find("Authorization");
      const auto caller =
          header == request.headers.end() ? std::nullopt : services.identity.caller(header->second);
      if (!caller) {
        auto response = problem(401, "The access token is missing, expired or not valid here; log in again",
                                "unauthenticated");
        response.headers["WWW-Authenticate"] = "Bearer";
        return response;
      }
      if (need == Need::a_scope && !caller->reads_all() && !caller->changes()) {
        throw Error(Fault::forbidden, "the token has none of the scopes pks.clusters.admin, .manage and .admin.read");
      }
      auto response = handler(request, *caller);
      // Reading is not worth a line by default; an order is.
      const Log::Fields fields = {{"method", request.method},
                                  {"path", request.path},
                                  {"user", caller->name},
                                  {"status", std::to_string(response.status)}};
      request.method == "GET" ? services.log.debug("api.request", fields) : services.log.info("api.request", fields);
      return response;
    } catch (const std::exception& error) {
      return error_reply(error, services.log);
    }
  };
}

void add_cluster_routes(http::Router& router, Services& s) {
  const auto add = [&](const char* method, const std::string& pattern, Authorized handler,
                       Need need = Need::a_scope) {
    router.add(method, "/v1" + pattern, with_caller(s, std::move(handler), need));
  };
  const auto shown = [&s](int status, const ClusterRecord& cluster) {
    return Response::json(status, cluster_json(cluster, plan_of(cluster, s.plans).get()));
  };
  add("GET", "/clusters", [&s](Request&, const Caller& caller) {
    Json list = Json::array();
    for (const auto& cluster : s.clusters.list(caller)) list.push_back(cluster_json(cluster, plan_of(cluster, s.plans).get()));
    return Response::json(200, list);
  });
  add("POST", "/clusters", [&s, shown](Request& request, const Caller& caller) {
    return shown(202, s.clusters.create(caller, request.json_body(max_body_bytes)));
  });
  add("GET", "/clusters/{name}", [&s, shown](Request& request, const Caller& caller) {
    return shown(200, s.clusters.get(caller, request.path_param("name")));
  });
  add("GET", "/clusterdetails/{name}", [&s](Request& request, const Caller& caller) {
    const auto cluster = s.clusters.get(caller, request.path_param("name"));
    return Response::json(200, details_json(cluster, plan_of(cluster, s.plans).get(), s.clock));
  });
  add("PATCH", "/clusters/{name}", [&s, shown](Request& request, const Caller& caller) {
    return shown(202, s.clusters.resize(caller, request.path_param("name"), request.json_body(max_body_bytes)));
  });
  add("DELETE", "/clusters/{name}", [&s](Request& request, const Caller& caller) {
    s.clusters.remove(caller, request.path_param("name"));
    return Response::empty(204);
  });
  add("GET", "/clusters/{name}/progress",
      [&s](Request& request, const Caller& caller) { return progress(s, request, caller); });
  add("POST", "/clusters/{name}/binds", [&s](Request& request, const Caller& caller) {
    s.log.info("api.credentials", {{"cluster", request.path_param("name")}, {"user", caller.name}});
    return Response::json(201, s.clusters.credentials(caller, request.path_param("name")));
  });
  add("GET", "/clusters/{name}/binds/{user}",
      [&s](Request& request, const Caller& caller) {
        return Response::json(
            200, s.clusters.user_kubeconfig(caller, request.path_param("name"), request.path_param("user")));
      },
      Need::a_token);
  add("GET", "/plans", [&s](Request&, const Caller&) {
    Json list = Json::array();
    for (const auto& plan : s.plans.offered()) list.push_back(plan_json(plan));
    return Response::json(200, list);
  });
  add("GET", "/tasks", [](Request&, const Caller&) { return Response::json(200, Json::array()); });
  add("GET", "/tasks/{id}", [](Request& request, const Caller&) -> Response {
    throw Error(Fault::not_found, "Task " + request.path_param("id") + " not found");
  });
}

}  // namespace

http::Response error_reply(const std::exception& error, const Log& log) {
  const auto ours = dynamic_cast<const Error*>(&error);
  const auto status = ours ? status_of(ours->fault()) : 500;
  if (status >= 500) log.error("api.error", {{"error", error.what()}});
  if (status == 500) return problem(500, "An internal error occurred; the log of the API tells more", "internal");
  return problem(status, ours->what(), std::string(to_string(ours->fault())));
}

Json cluster_json(const ClusterRecord& cluster, const Plan* plan) {
  auto parameters = cluster.parameters;
  parameters["kubernetes_master_host"] = cluster.hostname;
  parameters["kubernetes_master_port"] = plan ? plan->port : 8443;
  parameters["kubernetes_worker_instances"] = cluster.nodes;
  return {{"name", cluster.name},
          {"plan_name", cluster.plan},
          {"kind", plan ? plan->kind : ""},
          {"uuid", cluster.uuid},
          {"last_action", cluster.last_action},
          {"last_action_state", cluster.state},
          {"last_action_description", cluster.description},
          {"kubernetes_master_ips", cluster.ips.empty() ? std::vector<std::string>{"In Progress"} : cluster.ips},
          {"network_profile_name", ""},
          {"compute_profile_name", ""},
          {"kubernetes_profile_name", ""},
          {"k8s_version", plan ? plan->kubernetes_version : ""},
          {"pks_version", product_version},
          {"available_upgrades", Json::array()},
          {"parameters", parameters}};
}

http::Handler api_handler(Services& services) {
  auto router = std::make_shared<http::Router>();
  add_cluster_routes(*router, services);
  const auto health = [](Request&) { return Response::json(200, {{"status", "UP"}}); };
  router->add("GET", "/healthz", [](Request&) { return Response::text(200, "ok\n"); });
  router->add("GET", "/actuator/health", health);
  // Where a client finds the token endpoint.
  router->add("GET", "/info", [&services](Request&) {
    return Response::json(200, {{"name", "slipway-pks-api"},
                                {"version", product_version},
                                {"identity_port", services.identity_port}});
  });
  router->add("GET", "/metrics", [&services](Request&) { return metrics(services); });
  return [router](Request& request) { return (*router)(request); };
}

}  // namespace slipway::pks
