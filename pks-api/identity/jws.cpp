#include "pks-api/identity/jws.hpp"

#include <cjose/cjose.h>

#include <memory>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/json_text.hpp"

namespace slipway::pks {

namespace {

constexpr std::size_t least_modulus_bytes = 256;

struct Release {
  void operator()(cjose_jwk_t* key) const { cjose_jwk_release(key); }
  void operator()(cjose_jws_t* token) const { cjose_jws_release(token); }
};

std::string algorithm_of(const Json& key) {
  if (text_or_empty(key, "kty") == "EC") return text_or_empty(key, "crv") == "P-256" ? "ES256" : "";
  if (text_or_empty(key, "kty") != "RSA") return "";
  auto modulus = base64url_decode(text_or_empty(key, "n"));
  modulus.erase(0, modulus.find_first_not_of('\0'));
  return modulus.size() >= least_modulus_bytes ? "RS256" : "";
}

Json object_in(const std::string& encoded, const char* name) {
  auto object = parse_json(base64url_decode(encoded), name);
  if (!object.is_object()) throw Error(Fault::invalid, std::string(name) + " is no object");
  return object;
}

}  // namespace

UnverifiedJws parse_jws(const std::string& compact) {
  const auto first = compact.find('.');
  const auto second = compact.rfind('.');
  if (first == std::string::npos || first == second || compact.find('.', first + 1) != second)
    throw Error(Fault::invalid, "no token of three parts");
  UnverifiedJws token{compact, object_in(compact.substr(0, first), "token header"),
                      object_in(compact.substr(first + 1, second - first - 1), "token")};
  if (token.header.contains("crit")) throw Error(Fault::invalid, "the token header has 'crit'");
  return token;
}

bool is_signed_by(const UnverifiedJws& token, const Json& key) {
  const auto algorithm = algorithm_of(key);
  if (algorithm.empty() || text_or_empty(token.header, "alg") != algorithm) return false;
  if (key.contains("alg") && text_or_empty(key, "alg") != algorithm) return false;
  if (key.contains("use") && text_or_empty(key, "use") != "sig") return false;
  // The library gets what the signature needs and nothing else of what the issuer wrote.
  Json needed = {{"kty", key.at("kty")}};
  for (const auto* name : {"n", "e", "crv", "x", "y"}) {
    if (key.contains(name)) needed[name] = key.at(name);
  }
  const auto document = dump(needed);
  const std::unique_ptr<cjose_jwk_t, Release> jwk(cjose_jwk_import(document.data(), document.size(), nullptr));
  const std::unique_ptr<cjose_jws_t, Release> jws(
      cjose_jws_import(token.compact.data(), token.compact.size(), nullptr));
  return jwk && jws && cjose_jws_verify(jws.get(), jwk.get(), nullptr);
}

}  // namespace slipway::pks
