#pragma once

#include "base/http/server.hpp"
#include "pks-api/api/request_counts.hpp"
#include "pks-api/audit/audit_log.hpp"
#include "pks-api/clusters/clusters.hpp"
#include "pks-api/fleets/fleets.hpp"
#include "pks-api/identity/identity.hpp"

namespace slipway::pks {

// What the handlers use. The references outlive the handlers.
struct Services {
  Clusters& clusters;
  ClusterStore& store;
  Operations& operations;
  const DirectorClient& director;
  Fleets& fleets;
  Quotas& quotas;
  Profiles& profiles;
  ProgressBoard& board;
  Identity& identity;
  AuditLog& audit;
  RequestCounts& counts;
  const Tokens& tokens;
  const PlanCatalog& plans;
  const OidcSettings& oidc;
  Clock& clock;
  Log log;
  std::size_t max_waiting = 8;  // long polls at once
  int identity_port = 8443;
};

// https://HOST:9021: /v1/…, /healthz, /metrics, /actuator/health.
http::Handler api_handler(Services& services);
// https://HOST:8443: /oauth/token, /oauth/revoke, /token_keys, /info, /login, and discovery for clusters.
http::Handler identity_handler(Services& services);

// {"body": text, "code": word} with the status of the fault; what was not foreseen is a
// 500 that tells nothing.
http::Response error_reply(const std::exception& error, const Log& log);

}  // namespace slipway::pks
