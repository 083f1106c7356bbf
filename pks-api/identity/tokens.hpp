#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
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

// Signs and reads access tokens: JWT, RS256 only, for the audience "pks_api".
class Tokens {
 public:
  Tokens(std::string issuer, Secret private_key_pem, std::string public_key_pem);

  std::string sign(const Claims& claims, Timestamp now, std::chrono::seconds lifetime) const;
  // Nothing for a token that is malformed, unsigned, signed otherwise, of another issuer,
  // for another audience or not valid at `now`.
  std::optional<Claims> read(const std::string& token, Timestamp now) const;
  Json public_key_jwk() const;  // RFC 7517, with the PEM as "value" as UAA has it
  const std::string& public_key_pem() const { return public_key_; }
  const std::string& key_id() const { return key_id_; }

 private:
  std::string issuer_;
  Secret private_key_;
  std::string public_key_, key_id_;
};

}  // namespace slipway::pks
