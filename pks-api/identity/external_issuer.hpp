#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "pks-api/identity/group_scopes.hpp"
#include "pks-api/identity/issuer_keys.hpp"

namespace slipway::pks {

// Before the names of an issuer's users: none of them is mistaken for one of the store or of a directory.
inline constexpr const char* external_prefix = "oidc:";

struct ExternalIssuerSettings {
  std::string url;      // as the tokens' "iss" has it; empty: there is none
  std::string ca_file;  // PEM; empty: public authorities
  std::string audience;
  std::string cluster_client;  // the audience of tokens for clusters; empty: clusters do not know the issuer
  std::string user_claim, groups_claim;
  GroupScopes scopes;
  std::chrono::seconds timeout{};
};

// The keys external_issuer.…; what is wrong becomes a problem of the file, or Fault::invalid for what only a second
// look shows.
ExternalIssuerSettings read_external_issuer_settings(Config& file);

// Takes the tokens of an OpenID Connect issuer that is not ours. Thread-safe.
class ExternalIssuer {
 public:
  // Fault::not_found: the CA file. The issuer is not asked before there is a token of it.
  ExternalIssuer(ExternalIssuerSettings settings, Clock& clock);

  struct User {
    std::string name;  // with external_prefix
    std::vector<std::string> scopes;
  };
  // Nothing for a token that is malformed, of another issuer or audience, for clusters as well, signed by none of the
  // issuer's keys, or not valid now. Fault::retryable when the issuer's keys are needed and cannot be read.
  std::optional<User> user_of(const std::string& token);

 private:
  bool is_valid_now(const Json& claims) const;

  ExternalIssuerSettings settings_;
  Clock& clock_;
  IssuerKeys keys_;
};

}  // namespace slipway::pks
