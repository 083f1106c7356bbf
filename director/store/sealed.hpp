#pragma once

#include <string>

#include "base/digest.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"
#include "base/tls.hpp"

// Values at rest that may hold secrets, sealed with the director's key.
namespace slipway::director::sealed {

// The name is part of what is sealed: a value moved to another name does not open.
inline std::string close(const Secret& key, const std::string& name, const Json& value) {
  return base64_encode(tls::seal(key, dump(value), name));
}

// `subject` is what errors call it.
inline Json open(const Secret& key, const std::string& name, const std::string& text, const std::string& subject) {
  const auto plain = with_context(subject, [&] { return tls::open_sealed(key, base64_decode(text), name); });
  return parse_json(plain.reveal(), subject);
}

}  // namespace slipway::director::sealed
