#pragma once

#include <set>
#include <string>
#include <vector>

namespace slipway::director {

// Who sent a request, as proved by a password or a token.
struct Caller {
  std::string user;              // empty: nobody proved anything
  std::set<std::string> scopes;
  bool anonymous() const { return user.empty(); }
};

// Ours: what the health monitor may, besides what bosh.read gives it. It can repair and tell, not deploy.
inline constexpr const char* health_monitor_scope = "slipway.health_monitor";

// What a route demands. Source: contracts/director-api.md section 1.2.
enum class Need {
  nothing,           // anybody, even anonymous
  list,              // any reader; the handler leaves out what is not the caller's
  read_all,          // what concerns no team: locks, events, orphans
  read_artifacts,    // stemcells, releases, blobs of logs
  upload_releases,
  upload_stemcells,
  deployment_read,   // of the deployment in the path
  deployment_admin,
  create_deployment,  // the handler asks again for the deployment in the manifest
  task_read,          // of the task in the path
  task_secrets,       // its debug and CPI output
  task_admin,
  health_monitor,  // events, its lease and its identity on the bus
  repair,          // of the deployment in the path: its admins, and the health monitor
  admin,
};

// Whom the thing in the path belongs to.
struct Owner {
  std::vector<std::string> teams;  // of the deployment
  std::string user;                // who submitted the task
};

class Access {
 public:
  explicit Access(std::string director_uuid) : uuid_(std::move(director_uuid)) {}

  bool allowed(const Caller& caller, Need need, const Owner& owner = {}) const;
  // For the error text: the scopes that would do.
  std::string wanted(Need need) const;

  bool is_admin(const Caller& caller) const;
  bool reads_all(const Caller& caller) const;
  static std::vector<std::string> teams_administered(const Caller& caller);

 private:
  bool in_team(const Caller& caller, const Owner& owner, bool as_admin) const;
  std::string uuid_;
};

}  // namespace slipway::director
