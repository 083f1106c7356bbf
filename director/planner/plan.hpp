#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "director/domain/cloud_config.hpp"
#include "director/domain/manifest.hpp"
#include "director/domain/types.hpp"
#include "director/planner/dns_numbering.hpp"

// The planner: values in, values out. No clock, I/O or logger. Two steps, because what
// changes on an instance is known only after its templates are rendered:
//   assign(desired, actual)            who exists, where, with which addresses and links
//   decide(assignment, rendered, …)    what has to be done to whom, and why
namespace slipway::director {

struct DeployOptions {
  bool recreate = false;
  bool fix = false;
  bool dry_run = false;
  bool recreate_persistent_disks = false;
  std::vector<std::string> skip_drain;       // group names, or "*"
  std::optional<std::string> canaries, max_in_flight;  // "2" or "30%"
  std::optional<Timestamp> recreate_vms_created_before;
  // Only these are touched (start/stop/restart/recreate of a group or an instance); empty: all.
  std::string only_group;
  std::string only_instance;                 // id or index
  std::optional<InstanceState> set_state;    // started, stopped, detached
  bool restart = false;
  std::string errand_group;                  // this group's errand runs now: it shall have VMs
};

// Everything the planner knows of the world.
struct ActualInstance {
  InstanceRecord record;
  std::optional<VmRecord> vm;                // the active one
  std::vector<DiskRecord> disks;             // active ones first

  const DiskRecord* active_disk(const std::string& disk_name) const;  // null: none
  std::vector<IpRecord> ips;
  bool responsive = true;                    // its agent answered get_state
  std::string job_state;                     // as the agent says, empty when it did not
  // What this very task did before it was interrupted: asked for once, it is not done again.
  bool vm_is_new = false;                    // it made the VM
  bool carried_out = false;                  // it took the instance through all of its update
};
struct World {
  std::vector<ActualInstance> instances;     // of this deployment
  std::vector<IpRecord> reserved_ips;        // of the whole director
  std::vector<ReleaseRecord> releases;       // those the manifest can name (resolved by name)
  std::vector<StemcellRecord> stemcells;
  std::vector<std::string> cpis;             // names an availability zone may use
  std::string default_cpi;                   // of instances without a zone; "" unless it was migrated
  std::vector<std::string> director_addresses;  // never given to a node
  Json shared_links = Json::array();            // `shared_links` of other deployments' assignments, joined
  std::string dns_domain = "bosh";
  DnsNumbering dns_numbers;                     // those that are recorded; other names get the next ones
  std::vector<std::string> teams;               // whose deployment it is
};
struct Desired {
  Manifest manifest;                         // interpolated
  CloudConfig cloud;
  DeployOptions options;
};

// A persistent disk as it shall be. Without a name it is the one that the agent formats and mounts.
struct PlannedDisk {
  std::string name;
  std::int64_t size_mib = 0;                 // never 0
  Json cloud_properties = Json::object();

  // Whether `disk` is as it shall be.
  bool is(const DiskRecord& disk) const {
    return disk.name == name && disk.size_mib == size_mib && disk.cloud_properties == cloud_properties;
  }
};

// One instance as it shall be.
struct PlannedInstance {
  InstanceId id;
  bool is_new = false;
  std::string group;
  int index = 0;
  bool bootstrap = false;
  std::string az;
  InstanceState state = InstanceState::started;
  // create-swap-delete: its new VM is made beside the old one, with addresses of its own.
  bool swap = false;
  StemcellRef stemcell;
  std::string cpi;
  Json networks = Json::object();            // as create_vm takes them, plus dns_record_name
  std::vector<IpRecord> ips;                 // to hold; new ones are reserved by the executor
  Json vm_cloud_properties = Json::object(); // merged az ← vm_type ← extensions
  // Set: ask the CPI to calculate a size, and put cloud_properties_of() of the answer into
  // vm_cloud_properties before decide() compares.
  std::optional<cpi::VmRequirements> vm_resources;
  Json env = Json::object();                 // operator's, without the director's additions
  std::vector<PlannedDisk> disks;            // one without a name, or any number of named ones
  // Per job of the group, in manifest order: what the renderer needs.
  struct Job {
    std::string name, release, release_version;
    Json properties = Json::object();        // raw, not yet filtered by job.MF
    Json links = Json::object();             // link name → {instances, properties, address, …}
  };
  std::vector<Job> jobs;
  Json spec_for_templates = Json::object();  // `spec` of the ERB contract
  Json tags = Json::object();
  std::vector<std::string> dns_names;        // <id>.group.network.deployment.bosh …
  std::string name() const { return group + "/" + id.value + " (" + std::to_string(index) + ")"; }
  const PlannedDisk* find_disk(const std::string& disk_name) const;
  std::int64_t store_mib() const;            // size of the disk without a name; 0: none
};

// What happens to the disk of one name. Both: a new one takes the place of the old one, which is orphaned; only
// a disk without a name has its data copied.
struct DiskChange {
  std::string name;
  std::optional<PlannedDisk> made;
  std::optional<DiskCid> given_up;
};

struct Assignment {
  std::string deployment;
  std::vector<PlannedInstance> instances;    // manifest order, then AZ, then index
  std::vector<InstanceId> obsolete;          // exist and are wanted no more
  std::vector<std::string> released_ips;     // held now, needed no more once their instance moved on
  // Packages the instances need, per stemcell: what must be compiled or found compiled.
  struct PackageNeed {
    std::int64_t package_id = 0;
    std::string stemcell_os, stemcell_version;
    auto operator<=>(const PackageNeed&) const = default;
  };
  std::vector<PackageNeed> packages;         // dependencies before dependents
  Json shared_links = Json::array();         // what this deployment offers to others
  DnsNumbering dns_numbers;                  // that the plan's names are made of: to be recorded before anything else
  std::map<std::string, std::set<std::string>> link_groups;  // by instance group: keys of the links it provides
};

// Checks the references between manifest and cloud config as well. Throws Fault::invalid, or
// Fault::exhausted when addresses are all that is lacking, with all problems and the
// contract's codes.
Assignment assign(const Desired& desired, const World& world, Random& random);

// az ← size ← extensions of a planned instance whose size the CPI has calculated.
Json cloud_properties_of(const Desired& desired, const PlannedInstance& instance, const Json& size);

// What rendering gave for one instance.
struct RenderedSummary {
  std::string configuration_hash;
  Json template_hashes = Json::object();
};

enum class Action { none, create, update, recreate, remove, metadata };
std::string to_string(Action action);

struct Reason {
  std::string code;                          // "stemcell", "configuration", "packages", "networks", "dirty" …
  std::string text;                          // for people: "stemcell 1.0 → 1.1"
};

struct InstanceChange {
  InstanceId id;
  std::string group, name;
  Action action = Action::none;
  std::vector<Reason> reasons;
  bool needs_disk_change = false;            // also: to end a change that was begun
  std::vector<DiskChange> disks;
  InstanceState target = InstanceState::started;
  std::vector<Json> cpi_calls;               // {"method":…, "arguments":…} as far as known beforehand
};

// Instances of a batch may be worked on at once; batches follow each other.
struct Batch {
  std::string group, az;
  bool canary = false;
  int max_in_flight = 1;
  std::vector<InstanceId> instances;
};

struct Plan {
  std::vector<InstanceChange> changes;       // one per instance, in assignment order, then removals
  std::vector<std::vector<Batch>> partitions;  // groups of one partition run in parallel
  std::string hash;                          // over everything above: the same plan has the same hash
};

// Precondition: `rendered` has every instance of the assignment that can have a VM.
Plan decide(const Desired& desired, const World& world, const Assignment& assignment,
            const std::map<InstanceId, RenderedSummary>& rendered,
            const std::map<InstanceId, Json>& packages_by_instance);  // name → {version, sha1} as in the apply spec

}  // namespace slipway::director
