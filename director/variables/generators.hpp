#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"

namespace slipway::director {

// What a certificate is signed with: the value of its CA's variable, nullopt when unknown.
using FindCa = std::function<std::optional<Json>(const std::string& name)>;

// A private RSA key of so many bits that is made already, or none.
using TakeKey = std::function<std::optional<Secret>(int bits)>;

constexpr int default_key_length = 2048;

// A fresh value of a variable type, shaped as BOSH's config servers shape it:
//   password     text
//   certificate  {ca, certificate, private_key}
//   rsa          {private_key, public_key}
//   ssh          {private_key, public_key, public_key_fingerprint}
// Options: certificate ca, common_name, alternative_names, extended_key_usage, is_ca,
// duration (days), organization, key_length; password length, exclude_upper, exclude_lower,
// exclude_number; rsa and ssh key_length. Wrong ones are appended to `problems`.
std::optional<Json> generate_value(const std::string& type, const Json& options, const std::string& place,
                                   const FindCa& find_ca, const TakeKey& take_key, Timestamp now, Problems& problems);

// Whether a stored value is what the options would give now, as far as that can be seen.
bool still_fits(const std::string& type, const Json& options, const Json& value, const FindCa& find_ca);

}  // namespace slipway::director
