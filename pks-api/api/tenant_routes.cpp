#include "pks-api/api/routes.hpp"

namespace slipway::pks {

namespace {

using http::Request;
using http::Response;

Json whole(double number) { return static_cast<std::int64_t>(number); }

Json quota_json(const QuotaRecord& quota) {
  Json limit = Json::object();
  if (quota.cpu) limit["cpu"] = whole(*quota.cpu);
  if (quota.memory_gb) limit["memory"] = *quota.memory_gb;
  if (quota.clusters) limit["cluster"] = whole(*quota.clusters);
  return {{"owner", quota.owner}, {"limit", limit}};
}

Json usage_json(const Quotas::Usage& usage) {
  Json clusters = Json::array();
  for (const auto& [name, amount] : usage.clusters) {
    clusters.push_back({{"name", name}, {"cpu", amount.cpu}, {"memory", amount.memory_gb}});
  }
  const auto& t = usage.totals;
  return {{"owner", usage.owner},
          {"totals", {{"cpu", t.cpu}, {"memory", t.memory_gb}, {"cluster", t.clusters}}},
          {"clusters", clusters}};
}

Json profile_json(const ProfileRecord& profile) {
  Json json = {{"name", profile.name}, {"uuid", profile.uuid}, {"description", profile.description}};
  if (profile.kind != kubernetes_profile) {
    json["parameters"] = dump(profile.document);  // text that holds JSON, as clients of the PKS API expect
    return json;
  }
  json["owner"] = profile.owner;
  json["created_at"] = profile.created_at;
  json.update(profile.document);
  return json;
}

void add_profile_routes(Routes& routes, Services& s, const std::string& kind) {
  const auto path = "/" + kind + "-profiles";
  routes.add("GET", path, [&s, kind](Request&, const Caller&) {
    Json list = Json::array();
    for (const auto& profile : s.profiles.list(kind)) list.push_back(profile_json(profile));
    return Response::json(200, list);
  });
  routes.add("POST", path, [&s, kind](Request& request, const Caller& caller) {
    return Response::json(201,
                          profile_json(s.profiles.create(caller, kind, request.json_body(max_body_bytes))));
  });
  routes.add("GET", path + "/{name}", [&s, kind](Request& request, const Caller&) {
    return Response::json(200, profile_json(s.profiles.get(kind, request.path_param("name"))));
  });
  routes.add("DELETE", path + "/{name}", [&s, kind](Request& request, const Caller& caller) {
    s.profiles.remove(caller, kind, request.path_param("name"));
    return Response::empty(204);
  });
}

void add_quota_routes(Routes& routes, Services& s) {
  routes.add("GET", "/quotas", [&s](Request&, const Caller& caller) {
    Json list = Json::array();
    for (const auto& quota : s.quotas.list(caller)) list.push_back(quota_json(quota));
    return Response::json(200, list);
  });
  routes.add("POST", "/quotas", [&s](Request& request, const Caller& caller) {
    return Response::json(201, quota_json(s.quotas.create(caller, request.json_body(max_body_bytes))));
  });
  routes.add("GET", "/quotas/{owner}", [&s](Request& request, const Caller& caller) {
    return Response::json(200, quota_json(s.quotas.get(caller, request.path_param("owner"))));
  });
  routes.add("PATCH", "/quotas/{owner}", [&s](Request& request, const Caller& caller) {
    return Response::json(200, quota_json(s.quotas.change(caller, request.path_param("owner"),
                                                          request.json_body(max_body_bytes))));
  });
  routes.add("DELETE", "/quotas/{owner}", [&s](Request& request, const Caller& caller) {
    s.quotas.remove(caller, request.path_param("owner"));
    return Response::empty(204);
  });
  routes.add("GET", "/usages", [&s](Request&, const Caller& caller) {
    Json list = Json::array();
    for (const auto& usage : s.quotas.usages(caller)) list.push_back(usage_json(usage));
    return Response::json(200, list);
  });
  routes.add("GET", "/usages/{owner}", [&s](Request& request, const Caller& caller) {
    return Response::json(200, usage_json(s.quotas.usage(caller, request.path_param("owner"))));
  });
}

}  // namespace

void add_tenant_routes(Routes& routes, Services& services) {
  for (const auto* kind : {network_profile, compute_profile, kubernetes_profile}) {
    add_profile_routes(routes, services, kind);
  }
  add_quota_routes(routes, services);
}

}  // namespace slipway::pks
