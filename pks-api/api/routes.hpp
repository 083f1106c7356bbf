#pragma once

#include <functional>
#include <set>
#include <string>

#include "pks-api/api/api.hpp"

namespace slipway::pks {

inline constexpr std::size_t max_body_bytes = 1u << 20;
inline constexpr const char* product_version = "0.1.0";

// What a route wants of a caller before its handler looks at whose the thing is. Deny by default.
enum class Need { a_scope, a_token };

using Authorized = std::function<http::Response(http::Request&, const Caller&)>;

// The routes of /v1: each with a caller who has proved who he is.
class Routes {
 public:
  Routes(http::Router& router, Services& services) : router_(router), services_(services) {}
  // `pattern` without "/v1".
  void add(const std::string& method, const std::string& pattern, Authorized handler,
           Need need = Need::a_scope);
  const std::set<std::string>& all() const { return all_; }  // "GET /v1/clusters/{name}"

 private:
  http::Router& router_;
  Services& services_;
  std::set<std::string> all_;
};

void add_all_routes(Routes& routes, Services& services);
// Each adds the routes of its subject.
void add_cluster_routes(Routes& routes, Services& services);
void add_task_routes(Routes& routes, Services& services);
void add_tenant_routes(Routes& routes, Services& services);  // quotas, usages, profiles

// Fault::invalid unless it is absent (0, false) or what it is to be.
std::int64_t number_in_query(const http::Request& request, const std::string& name, std::int64_t max);
bool flag_in_query(const http::Request& request, const std::string& name);

Json plan_json(const Plan& plan);
Json cluster_json(const ClusterRecord& cluster, const PlanCatalog& plans);
Json cluster_details_json(const ClusterRecord& cluster, const PlanCatalog& plans, Clock& clock,
                          const DirectorClient& director);
http::Response metrics(Services& services);

}  // namespace slipway::pks
