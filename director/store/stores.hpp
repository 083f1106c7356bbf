#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "base/sql/database.hpp"
#include "director/domain/types.hpp"

// The director's memory. SQL lives here and nowhere else. Time and ids are arguments, so
// that the same code runs in simulation. Every method is one transaction; a method whose
// name says "claim" or "reserve" is a compare-and-set and tells who won.
namespace slipway::director {

class Deployments {
 public:
  explicit Deployments(sql::Database& db) : db_(db) {}
  DeploymentRecord find_or_create(const std::string& name, Timestamp now);
  std::optional<DeploymentRecord> find(const std::string& name);
  std::vector<DeploymentRecord> all();
  // Like find_or_create; a new deployment belongs to these teams.
  void create_for_teams(const std::string& name, const std::vector<std::string>& teams, Timestamp now);
  void record_attempt(const std::string& name, const std::string& manifest, Timestamp now);
  // What runs now: the manifest, the configs and the releases and stemcells it uses.
  void record_success(const DeploymentRecord& deployment, const std::vector<std::int64_t>& release_ids,
                      const std::vector<std::int64_t>& stemcell_ids, Timestamp now);
  // Before the first success: what an attempt works with cannot be deleted under it. Added to what is
  // in use already.
  void add_uses(const std::string& name, const std::vector<std::int64_t>& release_ids,
                const std::vector<std::int64_t>& stemcell_ids);
  std::vector<std::int64_t> release_ids(const std::string& name);
  std::vector<std::int64_t> stemcell_ids(const std::string& name);
  void remove(const std::string& name);  // Fault::conflict while instances, VMs or active disks remain

 private:
  sql::Database& db_;
};

class Instances {
 public:
  explicit Instances(sql::Database& db) : db_(db) {}
  void insert(const InstanceRecord& instance);
  void update(const InstanceRecord& instance);  // by id; Fault::not_found
  std::optional<InstanceRecord> find(const InstanceId& id);
  std::vector<InstanceRecord> of_deployment(const std::string& deployment);
  void remove(const InstanceId& id);            // its addresses go with it; Fault::conflict while a VM remains

 private:
  sql::Database& db_;
};

class Vms {
 public:
  explicit Vms(sql::Database& db) : db_(db) {}
  // The intent: written before the CPI is asked, found again after a crash.
  std::int64_t insert_creating(const VmRecord& vm);
  void set_created(const AgentId& agent, const VmCid& cid, const Json& networks);
  void set_active(const AgentId& agent);        // and every other VM of its instance inactive
  void set_permanent_certificate(const AgentId& agent);
  void set_deleting(const AgentId& agent);
  void remove(const AgentId& agent);
  std::optional<VmRecord> find(const AgentId& agent);
  std::optional<VmRecord> find_by_cid(const VmCid& cid);
  std::optional<VmRecord> active_of(const InstanceId& instance);
  std::vector<VmRecord> of_instance(const InstanceId& instance);
  std::vector<VmRecord> of_deployment(const std::string& deployment);
  std::vector<VmRecord> all();                  // for the NATS permissions

 private:
  sql::Database& db_;
};

class Disks {
 public:
  explicit Disks(sql::Database& db) : db_(db) {}
  std::int64_t insert(const DiskRecord& disk);
  void set_state(const DiskCid& cid, DiskState state, Timestamp now);
  // Makes it the one disk of its name of its instance that is active; another that was is inactive then.
  void activate(const DiskCid& cid);
  void retire(const DiskCid& cid);  // active → inactive
  void set_size(const DiskCid& cid, std::int64_t size_mib);
  // Makes it the one active disk of its name of its instance and what was that before an orphan, in one go. It may
  // be new, an orphan, or that instance's already. Fault::conflict when it is another instance's.
  void adopt(const DiskRecord& disk, Timestamp now);
  void remove(const DiskCid& cid);              // Fault::conflict while it has snapshots
  std::optional<DiskRecord> find(const DiskCid& cid);
  std::vector<DiskRecord> of_instance(const InstanceId& instance);  // active and inactive, not orphaned
  std::vector<DiskRecord> of_deployment(const std::string& deployment);
  std::vector<DiskRecord> orphaned();

 private:
  sql::Database& db_;
};

class IpAddresses {
 public:
  explicit IpAddresses(sql::Database& db) : db_(db) {}
  // False when somebody else holds the address (the caller plans again).
  bool reserve(const IpRecord& ip, Timestamp now);
  void release(const std::string& address);
  void release_of_agent(const AgentId& agent);  // a compilation VM's
  std::vector<IpRecord> all();
  std::vector<IpRecord> of_deployment(const std::string& deployment);

 private:
  sql::Database& db_;
};

// Compiled packages that come with a release, by the package's name; their ids are not known yet.
using CompiledByName = std::map<std::string, CompiledPackageRecord>;

struct NamedCompiledPackage {
  std::string package;
  CompiledPackageRecord compiled;
};

class Releases {
 public:
  explicit Releases(sql::Database& db) : db_(db) {}
  // Jobs and packages with a known fingerprint (same release name) share the stored rows. All of the
  // release is there afterwards, or nothing.
  std::int64_t insert(const ReleaseRecord& release, Timestamp now, const CompiledByName& compiled = {});
  // --fix: jobs and packages get these blobs, everywhere where the old ones were used. What was compiled
  // from a replaced source is dropped; a package without a blob keeps its source.
  // Blobs that nobody needs any more are returned for deletion.
  std::vector<BlobId> replace_blobs(const ReleaseRecord& release, const CompiledByName& compiled = {});
  std::optional<ReleaseRecord> find(const std::string& name, const std::string& version);
  std::optional<ReleaseRecord> find(std::int64_t id);
  std::vector<ReleaseRecord> all();
  std::vector<ReleaseRecord> versions();        // like all(), without jobs and packages
  std::map<std::int64_t, std::vector<std::string>> job_names();  // by the release's id
  std::vector<PackageRecord> packages_with_fingerprints(const std::vector<std::string>& fingerprints);
  std::optional<JobRecord> find_job(const std::string& release, const std::string& name,
                                    const std::string& fingerprint);
  std::optional<PackageRecord> find_package(const std::string& release, const std::string& name,
                                            const std::string& fingerprint);
  std::vector<std::string> deployments_using(std::int64_t release_id);
  bool blob_in_use(const BlobId& blob);         // by any job, package or compiled package
  // Blobs that nobody needs any more are returned for deletion.
  std::vector<BlobId> remove(std::int64_t release_id);  // Fault::conflict (30007) while in use

  std::optional<CompiledPackageRecord> find_compiled(std::int64_t package_id, const std::string& stemcell_os,
                                                     const std::string& stemcell_version,
                                                     const std::string& dependency_key);
  // The same package compiled for the same, whatever release brought it. `like`: stemcell and key.
  std::optional<CompiledPackageRecord> find_compiled_anywhere(const std::string& name, const std::string& fingerprint,
                                                              const CompiledPackageRecord& like);
  // Next build number is chosen here. Two compilers of one package: the second gets the first's row.
  CompiledPackageRecord insert_compiled(CompiledPackageRecord compiled);
  std::vector<CompiledPackageRecord> compiled_of(std::int64_t package_id);
  std::vector<NamedCompiledPackage> all_compiled();
  std::optional<BlobId> remove_compiled(std::int64_t id);  // its blob when nobody else needs it

 private:
  sql::Database& db_;
};

class Stemcells {
 public:
  explicit Stemcells(sql::Database& db) : db_(db) {}
  std::int64_t insert(const StemcellRecord& stemcell, Timestamp now);
  void replace(const StemcellRecord& stemcell);  // by name, version and CPI (--fix); Fault::not_found
  std::optional<StemcellRecord> find(const std::string& name, const std::string& version, const std::string& cpi);
  std::vector<StemcellRecord> all();
  std::vector<std::string> deployments_using(std::int64_t stemcell_id);
  void remove(std::int64_t id);  // Fault::conflict (50004) while in use
  // That the stemcell was offered to this CPI, whether or not the CPI could take its format.
  void record_upload(const std::string& name, const std::string& version, const std::string& cpi);
  std::vector<std::string> uploaded_to(const std::string& name, const std::string& version);
  void forget_uploads(const std::string& name, const std::string& version);

 private:
  sql::Database& db_;
};

class Configs {
 public:
  explicit Configs(sql::Database& db) : db_(db) {}
  // Unchanged content creates no version. `expected_latest_id` set and stale: Fault::conflict.
  ConfigRecord put(const std::string& type, const std::string& name, const std::string& content,
                   std::optional<std::int64_t> expected_latest_id, Timestamp now);
  std::optional<ConfigRecord> find(std::int64_t id);
  std::optional<ConfigRecord> version(std::int64_t id);  // deleted ones too: deployments may still use it
  // Newest first per (type, name); `limit` versions of each.
  std::vector<ConfigRecord> list(const std::string& type, const std::string& name, int limit);
  bool remove(const std::string& type, const std::string& name);
  bool remove(std::int64_t id);

 private:
  sql::Database& db_;
};

struct VariableName {
  std::int64_t id = 0;
  std::string name;
};

// The embedded config server's values, sealed with the director's key.
class VariableValues {
 public:
  VariableValues(sql::Database& db, Secret key) : db_(db), key_(std::move(key)) {}
  std::optional<VariableRecord> latest(const std::string& name);
  std::optional<VariableRecord> find(std::int64_t id);
  VariableRecord put(const std::string& name, const Json& value, Timestamp now);        // a new version
  // The first writer wins: the value stored by then is returned.
  VariableRecord put_if_absent(const std::string& name, const Json& value, Timestamp now);
  void remove_all(const std::string& prefix);                                           // "/director/deployment/"
  // The versions a deployment is pinned to.
  void pin(const std::string& deployment, const std::vector<std::int64_t>& ids);
  std::vector<VariableRecord> pinned(const std::string& deployment);
  std::vector<VariableName> pinned_names(const std::string& deployment);  // opens no secret

 private:
  sql::Database& db_;
  Secret key_;
};

struct EventRecord {
  std::int64_t id = 0;
  std::optional<std::int64_t> parent;
  Timestamp time{};
  std::string user, action, object_type, object_name, task, deployment, instance, error;
  Json context = Json::object();
};
struct EventFilter {
  std::string deployment, task, instance, user, action, object_type, object_name;
  std::optional<std::int64_t> before_id;
  std::optional<Timestamp> before, after;
  int limit = 200;
};
class Events {
 public:
  explicit Events(sql::Database& db) : db_(db) {}
  std::int64_t insert(const EventRecord& event);
  std::optional<EventRecord> find(std::int64_t id);
  std::vector<EventRecord> list(const EventFilter& filter);  // newest first

 private:
  sql::Database& db_;
};

// One step of a task: the intent is durable before the effect, the outcome after it.
struct StepRecord {
  std::int64_t id = 0;
  TaskId task = 0;
  std::string kind;   // "create_vm", "create_disk", …
  std::string key;    // what it is about; (task, kind, key) is unique
  Json intent;
  std::optional<Json> outcome;  // empty: begun and not known to be finished
};
class Journal {
 public:
  explicit Journal(sql::Database& db) : db_(db) {}
  // The same (task, kind, key) again returns the row of the first time, with its intent:
  // after a restart the step is repeated with exactly the arguments it was begun with.
  StepRecord begin(TaskId task, const std::string& kind, const std::string& key, const Json& intent, Timestamp now);
  void finish(std::int64_t step, const Json& outcome, Timestamp now);
  std::vector<StepRecord> unfinished(TaskId task);
  std::vector<StepRecord> of_task(TaskId task);
  // Of tasks of this deployment that are over: nobody knows what came of these steps.
  std::vector<StepRecord> left_unfinished(const std::string& kind, const std::string& deployment);
  // The same of deployments that are gone.
  std::vector<StepRecord> left_by_deleted(const std::string& kind);

 private:
  std::vector<StepRecord> left(const std::string& kind, const std::string& which, std::vector<sql::Value> values);
  sql::Database& db_;
};

}  // namespace slipway::director
