#pragma once

#include <map>
#include <set>
#include <string>

#include "base/file.hpp"
#include "pks-api/api/api.hpp"

namespace slipway::pks {

// For tests: the API's handlers over a store of their own, with plans of the scenario, before a director that
// is away. Orders get into the store and are not carried.
class ApiFixture {
 public:
  ApiFixture();
  ~ApiFixture();

  // A user with scopes; what it sends carries its token. An empty name sends none.
  void add_user(const std::string& name, const std::vector<std::string>& scopes);
  http::Response send(const std::string& user, const std::string& method, const std::string& target,
                      const Json& body = nullptr);
  static Json json(const http::Response& response);
  // A cluster of `owner` whose creation has succeeded.
  void add_cluster(const std::string& owner, const std::string& name, const std::string& plan = "small",
                   int nodes = 3, const Json& parameters = Json::object());

  struct Parts;
  Parts& parts() { return *parts_; }
  std::set<std::string> routes() const;  // "GET /v1/clusters", all of /v1

 private:
  std::unique_ptr<Parts> parts_;
};

struct ApiFixture::Parts {
  TempDir folder;
  ManualClock clock;
  SystemClock real_clock;
  SystemRandom random;
  sql::Database database;
  ClusterStore clusters_store;
  IdentityStore identity_store;
  QuotaStore quota_store;
  ProfileStore profile_store;
  FleetStore fleet_store;
  PlanCatalog plans;
  OidcSettings oidc;
  Tokens tokens;
  Identity identity;
  DirectorClient director;
  ProgressBoard board;
  std::mutex orders;
  Quotas quotas;
  Profiles profiles;
  Intents intents;
  Operations operations;
  Clusters clusters;
  Fleets fleets;
  AuditLog audit;
  RequestCounts counts;
  Services services;
  http::Handler handler;
  std::map<std::string, std::string> tokens_by_user;
  Parts();
};

}  // namespace slipway::pks
