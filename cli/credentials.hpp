#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/terminal.hpp"

namespace slipway::cli {

// Who is logged in where. Scripts read `access_token` and copy the file between jobs: path
// and keys stay as they are.
struct Credentials {
  std::string api, identity;  // https://host:9021, https://host:8443
  std::string username, client;
  std::string access_token, refresh_token;
  std::string ca;  // PEM; empty: the system's authorities
  bool skip_ssl_validation = false;
  std::string id_token = {};  // of a login to a cluster; not kept in creds.yml
  std::string issuer = {}, issuer_ca = {};  // the external issuer that the tokens are of; empty: they are the API's
};

// creds.yml in $PKS_HOME, or in ~/.pks.
class CredentialsFile {
 public:
  explicit CredentialsFile(const Terminal& terminal);  // UsageError when neither variable is set
  std::optional<Credentials> load() const;             // Fault::invalid for a broken file
  void save(const Credentials& credentials) const;     // 0600, at once or not at all
  void remove() const;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

}  // namespace slipway::cli
