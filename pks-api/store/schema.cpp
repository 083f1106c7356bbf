#include "pks-api/store/store.hpp"

namespace slipway::pks {

// Forward only. Times are seconds since 1970 (UTC). Columns that hold JSON say so.
std::vector<sql::Migration> migrations() {
  return {
      {1, "initial", R"sql(
CREATE TABLE clusters (
  uuid TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  plan TEXT NOT NULL,
  hostname TEXT NOT NULL UNIQUE,
  nodes INTEGER NOT NULL,
  -- JSON: the request's parameters as they came
  parameters TEXT NOT NULL,
  last_action TEXT NOT NULL,
  state TEXT NOT NULL,
  description TEXT NOT NULL,
  operation TEXT NOT NULL,
  superseded TEXT NOT NULL,
  task INTEGER NOT NULL,
  -- JSON: a list
  ips TEXT NOT NULL,
  started_at INTEGER NOT NULL
);
CREATE TABLE identities (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  -- JSON: a list
  scopes TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
);
-- Rises for good: a name that is removed and made again gets a new epoch.
CREATE TABLE epochs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL
);
CREATE TABLE refresh_tokens (
  -- SHA-256 of the token
  hash TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  client TEXT NOT NULL,
  -- JSON: a list
  scopes TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
)sql"},
      {2, "kept plans, groups of users", R"sql(
-- JSON: the plan as it was when the cluster was made or last upgraded; empty: made before plans were kept
ALTER TABLE clusters ADD COLUMN plan_document TEXT NOT NULL DEFAULT '';
-- JSON: the versions of releases and stemcells that "latest" stood for
ALTER TABLE clusters ADD COLUMN versions TEXT NOT NULL DEFAULT '{}';
-- JSON: the names of its profiles, by "network_profile_name" and the like
ALTER TABLE clusters ADD COLUMN profiles TEXT NOT NULL DEFAULT '{}';
-- JSON: what the last operation that succeeded had asked for, or null
ALTER TABLE clusters ADD COLUMN last_good TEXT NOT NULL DEFAULT 'null';
-- JSON: where and why the last action failed, or null
ALTER TABLE clusters ADD COLUMN failure TEXT NOT NULL DEFAULT 'null';
-- JSON: a list of the groups that clusters are told of
ALTER TABLE identities ADD COLUMN member_of TEXT NOT NULL DEFAULT '[]';
)sql"},
      {3, "upgrades of many clusters", R"sql(
CREATE TABLE fleet_tasks (
  uuid TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  status TEXT NOT NULL,
  max_in_flight INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL
);
CREATE TABLE fleet_members (
  task TEXT NOT NULL REFERENCES fleet_tasks (uuid),
  position INTEGER NOT NULL,
  cluster TEXT NOT NULL,
  name TEXT NOT NULL,
  is_canary INTEGER NOT NULL,
  -- the id that the cluster's upgrade has, or will have
  operation TEXT NOT NULL,
  state TEXT NOT NULL,
  description TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  PRIMARY KEY (task, cluster)
);
)sql"},
      {4, "quotas, profiles, audit", R"sql(
CREATE TABLE quotas (
  owner TEXT PRIMARY KEY,
  -- JSON: cpu, memory (GB), cluster; one that is absent is no limit
  limits TEXT NOT NULL
);
CREATE TABLE profiles (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  uuid TEXT NOT NULL,
  owner TEXT NOT NULL,
  description TEXT NOT NULL,
  -- JSON
  document TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
);
-- The newest durable line of the audit log: one row.
CREATE TABLE audit_head (
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL
);
INSERT INTO audit_head (seq, hash) VALUES (0, '');
)sql"},
      {5, "upgrades that stop between two nodes", R"sql(
-- 1: the last action is to end before it begins with another node
ALTER TABLE clusters ADD COLUMN stop_wanted INTEGER NOT NULL DEFAULT 0;
-- 'pause', 'abort', or '': go on
ALTER TABLE fleet_tasks ADD COLUMN wish TEXT NOT NULL DEFAULT '';
-- the operation that was stopped and is gone on with
ALTER TABLE fleet_members ADD COLUMN resumes TEXT NOT NULL DEFAULT '';
)sql"},
      {6, "rotation of certificates", R"sql(
-- the operation that made, or is to make, the cluster's certificates anew; '': none did
ALTER TABLE clusters ADD COLUMN rotation TEXT NOT NULL DEFAULT '';
)sql"},
      {7, "issuers that clusters were told of", R"sql(
-- digest of the issuers of users that the last order tells the cluster of; '': not known
ALTER TABLE clusters ADD COLUMN issuers TEXT NOT NULL DEFAULT '';
)sql"},
  };
}

}  // namespace slipway::pks
