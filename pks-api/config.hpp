#pragma once

#include <string>
#include <vector>

#include "base/config.hpp"
#include "pks-api/identity/directory.hpp"
#include "pks-api/identity/external_issuer.hpp"

namespace slipway::pks {

// The one file of slipway-pks-api. `slipway-pks-api init` writes a working one.
struct PksConfig {
  std::string listen_address;
  int port = 0, identity_port = 0;
  std::string certificate_file, private_key_file;
  std::string database_url;
  std::string issuer;
  std::string oidc_issuer_url, oidc_ca_file;
  DirectorySettings ldap;
  ExternalIssuerSettings external_issuer;
  std::string token_private_key_file, token_public_key_file;
  std::string plans_folder;
  std::string director_url, director_ca_file, director_user, director_password_file;
  int request_threads = 0, max_operations = 0;
  std::string audit_file;
  std::uint64_t audit_rotate_bytes = 0;  // 0: one file for ever
  std::string log_file, log_level;
};

// Fault::invalid with every problem of the file.
PksConfig read_pks_config(Config& file);

struct InitOptions {
  std::string folder;   // made; must not hold a pks-api.yml
  std::string address;  // what clients dial
  std::string director_url, director_ca_file, director_user = "admin", director_password_file;
  std::string plans_folder;                      // *.yml in it are copied
  std::string ca_certificate_file, ca_key_file;  // empty: a CA of its own is made
  std::vector<std::string> names;                // further names and addresses for the certificate
  int port = 9021, identity_port = 8443;
};

// Makes all a first pks-api needs: certificate, token key, store with user 'admin' and a
// random password, plans, pks-api.yml. Returns the lines to show; secrets are in files
// only (0600).
std::vector<std::string> init_pks_api(const InitOptions& options);

}  // namespace slipway::pks
