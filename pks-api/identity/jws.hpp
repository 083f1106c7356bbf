#pragma once

#include <string>

#include "base/json.hpp"

namespace slipway::pks {

// A token of somebody else's: a JWS in compact form (RFC 7515) as it came, nothing of it proved yet.
struct UnverifiedJws {
  std::string compact;
  Json header, body;
};

// Fault::invalid unless both parts are JSON objects and the header asks for nothing that is not understood here
// ("crit").
UnverifiedJws parse_jws(const std::string& compact);

// Whether `key` (RFC 7517) made the signature, by the algorithm that both the header and the kind of key name:
// RS256 for RSA keys of 2048 bits at least, ES256 for those on P-256. Any other algorithm, none and those of shared
// secrets before all, is no signature.
bool is_signed_by(const UnverifiedJws& token, const Json& key);

}  // namespace slipway::pks
