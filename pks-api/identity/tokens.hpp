#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/rs256_key.hpp"
#include "base/secret.hpp"

namespace slipway::pks {

// What an access token says. Source of the claims' names: RFC 7519 and UAA.
struct Claims {
  std::string subject_kind;  // "user" or "client"
  std::string subject;
  std::string client;
  std::vector<std::string> scopes;
  std::int64_t epoch = 0;
  std::string id;
};

// Who somebody is, told to a cluster. Source of the claims' names: OpenID Connect Core 1.0, and UAA for
// "user_name" and "roles".
struct IdClaims {
  std::string issuer, subject, client, id;
  std::vector<std::string> groups;
};

// Signs and reads access tokens: JWT, RS256 only, for the audience "pks_api". Identity tokens are for the
// client that asked for them, so that none passes for an access token.
class Tokens {
 public:
  // Fault::invalid unless the public key is a PEM RSA key.
  Tokens(std::string issuer, Secret private_key_pem, std::string public_key_pem);

  std::string sign(const Claims& claims, Timestamp now, std::chrono::seconds lifetime) const;
  std::string sign_id(const IdClaims& claims, Timestamp now, std::chrono::seconds lifetime) const;
  // Nothing for a token that is malformed, unsigned, signed otherwise, of another issuer,
  // for another audience or not valid at `now`.
  std::optional<Claims> read(const std::string& token, Timestamp now) const;
  Json public_key_jwk() const;  // RFC 7517, with the PEM as "value" as UAA has it
  const std::string& public_key_pem() const { return public_key_; }
  const std::string& key_id() const { return key_id_; }

 private:
  std::string signed_token(const Json& body) const;
  std::string issuer_;
  Secret private_key_;
  std::string public_key_, key_id_;
  tls::Rs256Key verifier_;
};

}  // namespace slipway::pks
