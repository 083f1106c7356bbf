#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/secret.hpp"
#include "stemcells/agent/paths.hpp"

// What a node is told about itself. Source: contracts/agent-cpi.md section 1.
namespace slipway::agent {

// How the agent proves who it is on the message bus.
struct BusIdentity {
  std::string ca_pem;
  std::string certificate_pem;
  Secret private_key_pem;
  bool complete() const { return !ca_pem.empty() && !certificate_pem.empty() && !private_key_pem.empty(); }
};

struct BlobstoreSettings {
  std::string provider = "local";
  Json options = Json::object();  // endpoint, user, password, tls.cert.ca; or blobstore_path
};

struct NetworkSettings {
  std::string name, type, ip, netmask, gateway, mac;
  std::vector<std::string> dns;
  bool use_dhcp = false;
  bool preconfigured = false;
  bool default_gateway = false;
  bool default_dns = false;
  struct Route {
    std::string destination, gateway, netmask;
  };
  std::vector<Route> routes;
};

struct Settings {
  std::string agent_id;
  std::string vm_name;
  std::vector<std::string> mbus_urls;
  BusIdentity identity;
  BlobstoreSettings blobstore;
  std::vector<NetworkSettings> networks;
  std::vector<std::string> ntp;
  Json ephemeral_disk;             // a path, {"path"}, {"id"} or null
  Json persistent_disks = Json::object();  // cid → hint
  std::string persistent_disk_fs = "ext4";
  std::vector<std::string> persistent_disk_mount_options;
  Secret password_hash;            // crypt(3) text for root and vcap, often empty
  std::vector<std::string> authorized_keys;
  std::optional<int> heartbeat_seconds;      // env.bosh.agent.heartbeat_seconds, ours; before agent.json's
  std::optional<std::string> trusted_certs;  // only from update_settings
  Json disk_associations = Json::array();    // [{name, cid}], only from update_settings

  const NetworkSettings* default_network() const;  // carries the address others know; may be null
};

// `boot` is what the cloud gave, `update` the director's later word (null or empty: none).
// Precedence of certificate and blobstore: update, env.bosh, root. All problems at once.
Settings effective_settings(const Json& boot, const Json& update);

// agent.json
struct SettingsSource {
  std::string type;                     // File, ConfigDrive, CDROM, HTTP, InstanceMetadata; others are passed over
  std::string settings_path;            // File; InstanceMetadata: what is asked for
  std::vector<std::string> disk_paths;  // ConfigDrive, CDROM: devices tried in turn
  std::string file_name;                // CDROM
  std::string user_data_path;           // ConfigDrive; HTTP: what is asked for
  std::string meta_data_path;
  std::string uri;                      // HTTP, InstanceMetadata
  std::string token_path;               // HTTP, InstanceMetadata: IMDSv2's, empty for a service without
  std::map<std::string, std::string> headers;
};
struct AgentConfig {
  std::vector<SettingsSource> sources;
  bool skip_disk_setup = false;         // Platform.Linux.SkipDiskSetup
  int heartbeat_seconds = 30;           // Heartbeat.IntervalSeconds
};
AgentConfig parse_agent_config(const Json& json);

// Tries the sources in order, then the copy saved by an earlier boot. Saves what it found to
// paths.settings(). A drive and a network that are not there yet are waited for, each source `patience` at
// most. Fault::not_found lists why each source failed, and quotes nothing of what it gave.
Json fetch_boot_settings(const AgentConfig& config, const Paths& paths,
                         std::chrono::milliseconds patience = std::chrono::seconds(30));
// The saved overlay, or an empty object. A broken file is an error, never ignored.
Json load_update_settings(const Paths& paths);

}  // namespace slipway::agent
