#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/json.hpp"

namespace slipway::director {

struct UserConfig {
  std::string name, password_hash;
  std::vector<std::string> scopes;
};

// The director's one file. `slipway-director init` writes a working one.
struct DirectorConfig {
  std::string name, uuid;
  std::string listen_address;
  int port = 0;
  std::string certificate_file, private_key_file;
  std::string database_url, state_folder, encryption_key_file;
  std::vector<UserConfig> users;
  std::vector<std::string> token_key_files;
  int workers = 0, urgent_workers = 0, request_threads = 0;
  int max_parallel = 0, agent_wait_seconds = 0, agent_heartbeat_seconds = 0;
  bool keep_unreachable_vms = false;
  bool enable_snapshots = false;
  int orphaned_disk_lifetime_hours = 0;
  bool failed_vm_bundles = true;
  int bundles_per_deployment = 0, bundle_lifetime_hours = 0, bundle_max_mib = 0;
  int hold_failed_vms_hours = 0, held_vms_per_deployment = 0;
  std::string blobstore_address, blobstore_public_url, blobstore_user, blobstore_password_file,
      blobstore_ca_file;
  int blobstore_port = 0;
  std::string nats_program, nats_address;
  int nats_port = 0;
  std::vector<std::string> nats_certificate_names;
  std::vector<std::string> cpi_command;
  Json cpi_properties = Json::object();
  std::map<std::string, std::vector<std::string>> cpi_programs;  // exec_path → argv
  int cpi_timeout_seconds = 0;
  std::string dns_domain, dns_hosts_file;
  std::vector<std::string> own_addresses;
  std::string log_file, log_level;
};

// Fault::invalid with every problem of the file.
DirectorConfig read_director_config(Config& file);

struct InitOptions {
  std::string folder;   // made; must be empty
  std::string address;  // what agents and clients dial
  std::string name = "slipway";
  std::vector<std::string> cpi_command;
  std::string cpi_type;  // set: a CPI config may name this command by the type's usual exec_path
  std::string dns_hosts_file;
  int agent_heartbeat_seconds = 0;  // 0: what the stemcells say
  int port = 25555, blobstore_port = 25250, nats_port = 4222;
};

// Makes everything a first director needs: a CA, certificates, keys, an admin with a random
// password, director.yml. Returns the lines to show; secrets are in files only (0600).
std::vector<std::string> init_director(const InitOptions& options);

}  // namespace slipway::director
