#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"
#include "cpi/contract/exec_client.hpp"
#include "director/agents/agent_access.hpp"
#include "director/agents/agent_client.hpp"
#include "director/blobstore/blobstore.hpp"
#include "director/domain/cpi_config.hpp"
#include "director/store/change_durations.hpp"
#include "director/store/director_attributes.hpp"
#include "director/store/dns_numbers.hpp"
#include "director/store/dns_versions.hpp"
#include "director/store/errand_runs.hpp"
#include "director/store/exported_releases.hpp"
#include "director/store/orphaned_vms.hpp"
#include "director/store/problems.hpp"
#include "director/store/shared_links.hpp"
#include "director/store/snapshots.hpp"
#include "director/store/stores.hpp"
#include "director/store/temporary_blobs.hpp"
#include "director/tasks/locks.hpp"
#include "director/tasks/task_guard.hpp"
#include "director/templates/renderer.hpp"

// What the executor works with: everything that is outside it, by interface, so that the
// real executor runs against a simulated cloud and simulated agents.
namespace slipway::director {

class Cpis {
 public:
  virtual ~Cpis() = default;
  // The CPI of a cpi-config entry ("" is the default one). Fault::invalid when there is none.
  virtual std::shared_ptr<cpi::Cpi> open(const std::string& name, cpi::CallObserver observer) = 0;
  virtual std::vector<std::string> names() const = 0;
  // What a CPI is called now that rows may know by a former name (`migrated_from`).
  virtual std::string current_name(const std::string& name) const { return name; }
  // Fault::invalid for a config that names a program which the director may not run.
  virtual void check(const CpiConfig&) const {}
};

// Every store over one database.
struct Stores {
  Stores(sql::Database database, Secret secret_key)
      : db(std::move(database)),
        key(std::move(secret_key)),
        deployments(db),
        instances(db),
        vms(db),
        disks(db),
        ips(db),
        releases(db),
        stemcells(db),
        configs(db),
        variable_values(db, key),
        shared_links(db, key),
        events(db),
        journal(db),
        dns_numbers(db),
        dns_link_groups(db),
        dns_versions(db),
        change_durations(db),
        errand_runs(db),
        exported_releases(db),
        temporary_blobs(db),
        problems(db),
        snapshots(db),
        orphaned_vms(db),
        attributes(db) {}
  Stores(const Stores&) = delete;
  Stores& operator=(const Stores&) = delete;

  // The same, but through them nothing changes once another director has taken the task over, however late
  // the change comes: Fault::cancelled then. The task outlives them.
  Stores held_by(const TaskContext& task) const { return {db.guarded(guard_of(task)), key}; }

  sql::Database db;
  const Secret key;
  Deployments deployments;
  Instances instances;
  Vms vms;
  Disks disks;
  IpAddresses ips;
  Releases releases;
  Stemcells stemcells;
  Configs configs;
  VariableValues variable_values;
  SharedLinks shared_links;
  Events events;
  Journal journal;
  DnsNumbers dns_numbers;
  DnsLinkGroups dns_link_groups;
  DnsVersions dns_versions;
  ChangeDurations change_durations;
  ErrandRuns errand_runs;
  ExportedReleases exported_releases;
  TemporaryBlobs temporary_blobs;
  ProblemReports problems;
  Snapshots snapshots;
  OrphanedVms orphaned_vms;
  DirectorAttributes attributes;
};

// What is kept of a VM that failed, when a repair replaces it.
struct FailedVmSettings {
  bool bundles = true;                      // its logs, as a blob
  std::size_t bundles_per_deployment = 10;  // the newest
  std::chrono::hours bundle_lifetime{24 * 7};
  std::int64_t bundle_bytes = 32 << 20;     // of logs, before compression
  std::chrono::milliseconds ping_wait{1000};
  std::chrono::seconds logs_wait{30};       // for its agent to pack them
  std::chrono::seconds hold{0};             // the VM itself, powered off; 0: it is deleted
  std::size_t held_per_deployment = 3;      // at most, at once
};

struct ExecutorSettings {
  std::string director_name = "slipway";
  std::string director_uuid;
  std::string dns_domain = "bosh";
  std::string dns_hosts_file;              // set: every DNS record is written there in hosts format
  std::vector<std::string> own_addresses;  // never given to a node
  Json agent_blobstores = Json::array();   // env.bosh.blobstores as agents get it
  // A URL at which anybody may GET or PUT this blob for a while; empty: agents use the password.
  std::function<std::string(const std::string& method, const BlobId&, std::chrono::seconds lifetime)> sign_url;
  std::string work_folder;
  std::size_t max_parallel = 32;         // CPI calls and agent conversations at once
  std::chrono::seconds agent_wait{600};  // for a new VM's agent to answer
  std::chrono::milliseconds state_wait{
      15000};  // for a running agent's get_state; it may need 10 s to be back on the bus
  std::chrono::seconds reboot_wait{600};  // for an agent after a reboot of its VM
  int full_disk_percent = 97;             // used so far, a disk is full; beyond 100: none is
  bool failing_jobs = false;              // they are a problem of their VM
  std::chrono::seconds agent_heartbeat{0};  // told to new VMs; 0: what their stemcell says
  std::chrono::seconds stop_wait{300};
  std::chrono::seconds dns_wait{10};
  std::chrono::seconds ssh_wait{30};     // for an agent to make or remove an account
  std::chrono::hours logs_lifetime{24};  // of fetched logs in the blobstore
  std::chrono::hours orphan_lifetime{24 * 5};  // of disks
  bool enable_snapshots = false;
  int create_vm_tries = 5;
  bool keep_unreachable_vms = false;
  FailedVmSettings failed_vms;
};

struct Services {
  // The same, but for the stores.
  Services with(Stores& others) const {
    return {clock, random, log, others, locks, blobs, cpis, agents, access, renderer, settings};
  }

  Clock& clock;
  Random& random;
  Log log;
  Stores& stores;
  Locks& locks;
  Blobstore& blobs;
  Cpis& cpis;
  AgentClient& agents;
  AgentAccess& access;
  Renderer& renderer;
  ExecutorSettings settings;
};

}  // namespace slipway::director
