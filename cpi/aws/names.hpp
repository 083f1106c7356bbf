#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"
#include "cpi/aws/api/query.hpp"
#include "cpi/contract/cpi.hpp"

// What the CPI writes on things in EC2, and how it finds them again: all its state.
namespace slipway::cpi::aws {

// Tags by which things are found again.
inline constexpr const char* agent_tag = "slipway-agent";  // instance, its volumes and interfaces
inline constexpr const char* disk_key_tag =
    "slipway-disk-key";  // volume: digest of the director's idempotency key
inline constexpr const char* disk_size_tag =
    "slipway-size-mib";  // volume: what was asked for; EC2 counts in GiB
inline constexpr const char* request_tag = "slipway-request";  // snapshot: the one call that made it
inline constexpr const char* stemcell_tag =
    "slipway-stemcell";  // image, snapshot: digest of the stemcell's image file

// "i-0123abcd" and the like: a prefix, a dash, hexadecimal digits. Whatever else comes as a cid
// cannot be in EC2 and is never sent there.
bool is_ec2_id(std::string_view text, std::string_view prefix);

// A token of 64 characters at most, the same for the same parts.
std::string client_token(std::string_view kind, const std::string& name, int attempt);
bool is_client_token(std::string_view text);

// Scalars as text, other values as JSON; null is left out.
Tags to_tags(const Json& object);
Tags merged(Tags tags, const Tags& more);  // `more` wins

}  // namespace slipway::cpi::aws
