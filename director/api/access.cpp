#include "director/api/access.hpp"

#include <algorithm>
#include <string_view>

namespace slipway::director {
namespace {

// "bosh.teams.T.admin" gives T.
std::string team_of(std::string_view scope, std::string_view role) {
  constexpr std::string_view prefix = "bosh.teams.";
  const std::string suffix = "." + std::string(role);
  if (!scope.starts_with(prefix) || !scope.ends_with(suffix) || scope.size() <= prefix.size() + suffix.size())
    return "";
  return std::string(scope.substr(prefix.size(), scope.size() - prefix.size() - suffix.size()));
}

bool in_any_team(const Caller& caller) {
  return std::any_of(caller.scopes.begin(), caller.scopes.end(), [](const std::string& scope) {
    return !team_of(scope, "admin").empty() || !team_of(scope, "read").empty();
  });
}

}  // namespace

bool Access::is_admin(const Caller& caller) const {
  return caller.scopes.contains("bosh.admin") || caller.scopes.contains("bosh." + uuid_ + ".admin");
}

bool Access::reads_all(const Caller& caller) const {
  return is_admin(caller) || caller.scopes.contains("bosh.read") || caller.scopes.contains("bosh." + uuid_ + ".read");
}

std::vector<std::string> Access::teams_administered(const Caller& caller) {
  std::vector<std::string> teams;
  for (const auto& scope : caller.scopes)
    if (auto team = team_of(scope, "admin"); !team.empty()) teams.push_back(std::move(team));
  return teams;
}

bool Access::in_team(const Caller& caller, const Owner& owner, bool as_admin) const {
  return std::any_of(owner.teams.begin(), owner.teams.end(), [&](const std::string& team) {
    const auto scope = "bosh.teams." + team + ".";
    return caller.scopes.contains(scope + "admin") || (!as_admin && caller.scopes.contains(scope + "read"));
  });
}

bool Access::allowed(const Caller& caller, Need need, const Owner& owner) const {
  if (need == Need::nothing) return true;
  if (caller.anonymous()) return false;
  if (is_admin(caller)) return true;
  const bool own_task = !owner.user.empty() && owner.user == caller.user;
  switch (need) {
    case Need::nothing: return true;
    case Need::list:
    case Need::read_artifacts: return reads_all(caller) || in_any_team(caller);
    case Need::read_all: return reads_all(caller);
    case Need::upload_releases:
      return caller.scopes.contains("bosh.releases.upload") || !teams_administered(caller).empty();
    case Need::upload_stemcells:
      return caller.scopes.contains("bosh.stemcells.upload") || !teams_administered(caller).empty();
    case Need::deployment_read: return reads_all(caller) || in_team(caller, owner, false);
    case Need::deployment_admin: return in_team(caller, owner, true);
    case Need::create_deployment: return !teams_administered(caller).empty();
    case Need::task_read: return reads_all(caller) || own_task || in_team(caller, owner, false);
    case Need::task_secrets: return in_team(caller, owner, true);
    case Need::task_admin: return own_task || in_team(caller, owner, true);
    case Need::health_monitor: return caller.scopes.contains(health_monitor_scope);
    case Need::repair: return in_team(caller, owner, true) || caller.scopes.contains(health_monitor_scope);
    case Need::admin: return false;
  }
  return false;
}

std::string Access::wanted(Need need) const {
  const auto admin = "bosh.admin, bosh." + uuid_ + ".admin";
  const auto read = admin + ", bosh.read, bosh." + uuid_ + ".read";
  switch (need) {
    case Need::nothing: return "";
    case Need::list:
    case Need::read_artifacts:
    case Need::deployment_read:
    case Need::task_read: return read + ", bosh.teams.TEAM.admin, bosh.teams.TEAM.read";
    case Need::read_all: return read;
    case Need::upload_releases: return admin + ", bosh.releases.upload, bosh.teams.TEAM.admin";
    case Need::upload_stemcells: return admin + ", bosh.stemcells.upload, bosh.teams.TEAM.admin";
    case Need::deployment_admin:
    case Need::create_deployment:
    case Need::task_secrets:
    case Need::task_admin: return admin + ", bosh.teams.TEAM.admin";
    case Need::health_monitor: return admin + ", " + health_monitor_scope;
    case Need::repair: return admin + ", bosh.teams.TEAM.admin, " + health_monitor_scope;
    case Need::admin: return admin;
  }
  return admin;
}

}  // namespace slipway::director
