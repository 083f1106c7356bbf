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
  std::string plan, hostname;      // the plan's name
  std::string plan_document;       // Plan::document as it was when the cluster was made or last upgraded
  Json versions = Json::object();  // what "latest" stands for, see plans/versions; empty: not resolved yet
  Json profiles =
      Json::object();  // names by "network_profile_name", "compute_profile_name", "kubernetes_profile_name"
  int nodes = 0;
  Json parameters = Json::object();
  std::string last_action;  // CREATE, UPDATE, UPGRADE, DELETE
  std::string state;        // "in progress", "succeeded", "failed"
  std::string description;
  std::string operation;   // id of the last action; the director's context id
  std::string superseded;  // an operation that has to be stopped first; empty: none
  std::int64_t task = 0;   // the director's; 0: not known to be submitted
  std::vector<std::string> ips;
  Timestamp started_at{};  // of the last action
  Json failure;            // of the last action: {stage, step, reason, advice}; null unless it failed
  Json last_good;          // see good_state(); null before the first success
  bool stop_wanted = false;  // the last action is to end between two nodes
  std::string rotation;      // the operation that makes the certificates anew; empty: none did
  std::string issuers;       // digest_of_issuers() that the last action tells it of; empty: not known
};

// What returns a cluster to how it was: the intent of an operation that succeeded.
Json good_state(const ClusterRecord& cluster);
void restore(ClusterRecord& cluster, const Json& good_state);

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
  bool want_stop(const std::string& uuid, const std::string& operation);
  bool set_versions(const ClusterRecord& cluster, const Json& versions);
  bool describe(const ClusterRecord& cluster, const std::string& description);
  // With ips, failure and last_good as the record has them.
  bool finish(const ClusterRecord& cluster, const std::string& state, const std::string& description);
  bool remove(const ClusterRecord& cluster);

 private:
  sql::Database& db_;
};

// One cluster of an upgrade of many. Times are seconds since 1970; 0: not yet.
struct FleetMember {
  std::string cluster, name;  // uuid; the name as it was
  bool is_canary = false;
  std::string operation;    // that its upgrade has, known before it begins
  std::string resumes;      // the operation that was stopped and is gone on with; empty: none
  std::string state;        // "queued", "in progress", "succeeded", "failed"
  std::string description;  // why it failed, or was not begun
  std::int64_t started_at = 0, ended_at = 0;
};

struct FleetTask {
  std::string uuid, owner;
  std::string status;  // "in progress", "canceled", "done"
  std::string wish;    // "": go on; "pause", "abort": what runs is to stop between two nodes
  int max_in_flight = 1;
  std::int64_t started_at = 0, ended_at = 0;
  std::vector<FleetMember> members;  // canaries first
};

class FleetStore {
 public:
  explicit FleetStore(sql::Database& db) : db_(db) {}
  void insert(const FleetTask& task);
  std::optional<FleetTask> find(const std::string& uuid);
  std::vector<FleetTask> recent(std::size_t limit);  // newest first
  std::vector<FleetTask> unfinished();               // canceled ones too, while members of theirs run
  bool set_status(const std::string& uuid, const std::string& from, const std::string& to);
  // Of a task that has not ended; false when it has, or its wish is not `from`.
  bool set_wish(const std::string& uuid, const std::string& from, const std::string& to);
  bool abort(const std::string& uuid);  // becomes "canceled", with that wish; false when it has ended
  // An ended task with members that begin anew; false when it has not ended, or goes on again already.
  bool reopen(const FleetTask& task);
  void end(const std::string& uuid, std::int64_t now);  // becomes "done" unless it was canceled
  void put(const std::string& task, const FleetMember& member);

 private:
  std::vector<FleetTask> read(const sql::Result& rows);
  sql::Database& db_;
};

// What an owner's clusters may take up together; absent: as much as there is.
struct QuotaRecord {
  std::string owner;
  std::optional<double> cpu, memory_gb, clusters;
};

class QuotaStore {
 public:
  explicit QuotaStore(sql::Database& db) : db_(db) {}
  void put(const QuotaRecord& quota);  // makes or replaces
  void remove(const std::string& owner);
  std::optional<QuotaRecord> find(const std::string& owner);
  std::vector<QuotaRecord> all();

 private:
  sql::Database& db_;
};

// Settings under a name; `document` as profiles/checked_profile leaves it.
struct ProfileRecord {
  std::string kind, name, uuid, owner, description;
  Json document;
  std::int64_t created_at = 0;
};

class ProfileStore {
 public:
  explicit ProfileStore(sql::Database& db) : db_(db) {}
  void insert(const ProfileRecord& profile);  // Fault::conflict: the name is taken
  void remove(const std::string& kind, const std::string& name);
  std::optional<ProfileRecord> find(const std::string& kind, const std::string& name);
  std::vector<ProfileRecord> all(const std::string& kind);

 private:
  sql::Database& db_;
};

struct UserRecord {
  std::string name, password_hash;
  std::vector<std::string> scopes;
  std::int64_t epoch = 0;                // tokens of an earlier epoch are void
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
  void add_refresh(const std::string& hash, const RefreshRecord& record,
                   Timestamp now);  // sweeps expired ones
  std::optional<RefreshRecord> find_refresh(const std::string& hash);
  void remove_refresh(const std::string& hash);

 private:
  sql::Database& db_;
};

}  // namespace slipway::pks
