#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"
#include "cpi/contract/cpi.hpp"

// The nouns of the director. Plain values: no I/O, no behaviour beyond their own rules.
namespace slipway::director {

using cpi::AgentId;
using cpi::DiskCid;
using cpi::StemcellCid;
using cpi::VmCid;
using InstanceId = Id<struct InstanceIdTag>;  // a UUID, for the life of the instance
using BlobId = Id<struct BlobIdTag>;
using TaskId = std::int64_t;

struct StemcellRef {            // what a deployment uses
  std::string name, os, version, alias;
};

struct StemcellRecord {
  std::int64_t id = 0;
  std::string name, version, operating_system;
  int api_version = 2;
  std::string cpi;              // name of the cpi-config entry, empty for the default
  StemcellCid cid;
  std::string sha1;
};

struct JobRecord {              // one job (template) of a release
  std::string name, version, fingerprint;
  BlobId blob;
  std::string sha1;             // a multi-digest
  Json spec = Json::object();   // job.MF: templates, packages, properties, provides, consumes
};

struct PackageRecord {
  std::int64_t id = 0;
  std::string name, version, fingerprint;
  BlobId blob;                  // empty for a compiled-only package
  std::string sha1;
  std::vector<std::string> dependencies;
};

struct CompiledPackageRecord {
  std::int64_t id = 0;
  std::int64_t package_id = 0;
  std::string stemcell_os, stemcell_version;
  std::string dependency_key;
  int build = 1;
  BlobId blob;
  std::string sha1;
};

struct ReleaseRecord {          // one version of one release
  std::int64_t id = 0;
  std::string name, version, commit_hash;
  bool uncommitted_changes = false;
  std::vector<JobRecord> jobs;
  std::vector<PackageRecord> packages;
};

enum class DiskState { active, inactive, orphaned };
struct DiskRecord {
  std::int64_t id = 0;
  DiskCid cid;
  std::string deployment, group;
  InstanceId instance;
  std::string az;
  std::string name;             // of `persistent_disks`; empty: the one that the agent formats and mounts
  std::int64_t size_mib = 0;
  Json cloud_properties = Json::object();
  std::string cpi;
  DiskState state = DiskState::active;
  std::optional<Timestamp> orphaned_at;
};

enum class VmState { creating, created, deleting };
struct VmRecord {
  std::int64_t id = 0;
  AgentId agent;                // unique; written before the CPI is asked
  std::optional<VmCid> cid;     // empty while creating
  InstanceId instance;          // empty for a compilation VM
  std::string deployment;
  VmState state = VmState::creating;
  bool active = false;          // the instance's VM of now (create-swap-delete knows two)
  std::string cpi;
  StemcellRef stemcell;
  int stemcell_api_version = 2;
  Json cloud_properties = Json::object();
  Json networks = Json::object();
  Json env = Json::object();    // without secrets
  bool permanent_nats_certificate = false;
  Timestamp created_at{};
};

struct IpRecord {
  std::string address;          // dotted; unique over the director
  std::string deployment;
  InstanceId instance;          // empty: compilation VM, then `agent` names it
  AgentId agent;
  std::string network;
  bool is_static = false;
};

// What the operator wants of an instance.
enum class InstanceState { started, stopped, detached };
std::string to_string(InstanceState state);
InstanceState instance_state_from_string(const std::string& text);

struct InstanceRecord {
  InstanceId id;
  std::string deployment, group;
  int index = 0;
  bool bootstrap = false;
  std::string az;
  InstanceState state = InstanceState::started;
  bool ignore = false;
  bool update_completed = false;   // false: an attempt is under way or failed ("dirty")
  Json spec = Json::object();      // the apply spec last applied with success; empty before
  std::vector<std::string> dns_names;

  std::string name() const { return group + "/" + id.value + " (" + std::to_string(index) + ")"; }
};

struct DeploymentRecord {
  std::int64_t id = 0;
  std::string name;
  std::string manifest;            // raw text of the last success, empty before the first
  std::string attempted_manifest;  // raw text of the last attempt
  std::int64_t revision = 0;       // how many manifests succeeded so far: the name of `manifest`
  std::optional<Timestamp> succeeded_at;
  std::vector<std::int64_t> cloud_config_ids, runtime_config_ids;
  std::vector<std::string> teams;
};

struct ConfigRecord {
  std::int64_t id = 0;
  std::string type, name, content;
  Timestamp created_at{};
  std::string team;
  bool current = true;
};

struct VariableRecord {            // one value in the config store
  std::int64_t id = 0;
  std::string name;                // /director/deployment/name
  Json value;                      // secret: sealed at rest
};

}  // namespace slipway::director
