#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/sql/database.hpp"

namespace slipway::pks {

std::vector<sql::Migration> migrations();

// What the tenant asked for and how far it is. `parameters` is the request's "parameters"
// object as it came: nothing a tenant has set is ever lost.
struct ClusterRecord {
  std::string uuid, name, owner;
  std::string plan, hostname;  // the plan's name
  std::string plan_document;   // Plan::document as it was when the cluster was made or last upgraded
  int nodes = 0;
  Json parameters = Json::object();
  std::string last_action;  // CREATE, UPDATE, DELETE
  std::string state;        // "in progress", "succeeded", "failed"
  std::string description;
  std::string operation;    // id of the last action; the director's context id
  std::string superseded;   // an operation that has to be stopped first; empty: none
  std::int64_t task = 0;    // the director's; 0: not known to be submitted
  std::vector<std::string> ips;
  Timestamp started_at{};   // of the last action
};

inline constexpr const char* in_progress = "in progress";
inline constexpr const char* succeeded = "succeeded";
inline constexpr const char* failed = "failed";

// Writes that carry an operation change the row only while that operation is the last
// one and in progress, and return whether they did.
class ClusterStore {
 public:
  explicit ClusterStore(sql::Database& db) : db_(db) {}
  void insert(const ClusterRecord& cluster);  // Fault::conflict: name or hostname is taken
  std::optional<ClusterRecord> find(const std::string& name);
  std::optional<ClusterRecord> find_by_uuid(const std::string& uuid);
  std::optional<ClusterRecord> find_by_hostname(const std::string& hostname);
  std::vector<ClusterRecord> all();
  // A new operation with all of its intent, if `previous` still is the last one.
  bool begin(const ClusterRecord& cluster, const std::string& previous);
  bool set_task(const ClusterRecord& cluster, std::int64_t task);
  bool describe(const ClusterRecord& cluster, const std::string& description);
  bool finish(const ClusterRecord& cluster, const std::string& state, const std::string& description,
              const std::vector<std::string>& ips);
  bool remove(const ClusterRecord& cluster);

 private:
  sql::Database& db_;
};

struct UserRecord {
  std::string name, password_hash;
  std::vector<std::string> scopes;
  std::int64_t epoch = 0;  // tokens of an earlier epoch are void
  std::vector<std::string> groups = {};  // clusters are told of them; they give no right here
};

struct RefreshRecord {
  std::string subject, client;
  std::vector<std::string> scopes;
  std::int64_t epoch = 0;
  Timestamp expires_at{};
};

// Users and confidential clients share a shape: a client is a user of kind "client".
class IdentityStore {
 public:
  explicit IdentityStore(sql::Database& db) : db_(db) {}
  void put_user(const std::string& kind, const UserRecord& user);  // makes or replaces; a new epoch
  bool remove_user(const std::string& kind, const std::string& name);
  std::optional<UserRecord> find_user(const std::string& kind, const std::string& name);
  std::vector<UserRecord> users(const std::string& kind);
  void add_refresh(const std::string& hash, const RefreshRecord& record, Timestamp now);  // sweeps expired ones
  std::optional<RefreshRecord> find_refresh(const std::string& hash);
  void remove_refresh(const std::string& hash);

 private:
  sql::Database& db_;
};

}  // namespace slipway::pks
