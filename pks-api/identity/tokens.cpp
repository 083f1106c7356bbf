#include "pks-api/identity/tokens.hpp"

#include <algorithm>

#include "base/digest.hpp"
#include "base/json.hpp"
#include "base/tls.hpp"

namespace slipway::pks {

namespace {

constexpr const char* audience = "pks_api";
constexpr std::size_t max_token_bytes = 8192;

bool is_for_us(const Json& claims) {
  const auto aud = claims.find("aud");
  if (aud == claims.end()) return false;
  if (aud->is_string()) return *aud == audience;
  return aud->is_array() && std::find(aud->begin(), aud->end(), Json(audience)) != aud->end();
}

Claims claims_of(const Json& body) {
  Claims claims;
  claims.subject_kind = body.at("sub_kind").get<std::string>();
  claims.subject = body.at("sub").get<std::string>();
  claims.client = body.at("client_id").get<std::string>();
  claims.scopes = body.at("scope").get<std::vector<std::string>>();
  claims.epoch = body.at("epoch").get<std::int64_t>();
  claims.id = body.at("jti").get<std::string>();
  return claims;
}

}  // namespace

Tokens::Tokens(std::string issuer, Secret private_key_pem, std::string public_key_pem)
    : issuer_(std::move(issuer)),
      private_key_(std::move(private_key_pem)),
      public_key_(std::move(public_key_pem)),
      key_id_(sha256_hex(public_key_).substr(0, 16)) {}

std::string Tokens::sign(const Claims& claims, Timestamp now, std::chrono::seconds lifetime) const {
  const Json header = {{"alg", "RS256"}, {"typ", "JWT"}, {"kid", key_id_}};
  Json body = {{"iss", issuer_},
               {"aud", {audience}},
               {"sub", claims.subject},
               {"sub_kind", claims.subject_kind},
               {"client_id", claims.client},
               {"scope", claims.scopes},
               {"epoch", claims.epoch},
               {"jti", claims.id},
               {"iat", to_epoch_seconds(now)},
               {"exp", to_epoch_seconds(now + lifetime)}};
  if (claims.subject_kind == "user") body["user_name"] = claims.subject;
  const auto message = base64url_encode(dump(header)) + "." + base64url_encode(dump(body));
  return message + "." + base64url_encode(tls::rs256_sign(private_key_, message));
}

std::optional<Claims> Tokens::read(const std::string& token, Timestamp now) const {
  try {
    const auto first = token.find('.');
    const auto second = token.rfind('.');
    if (token.size() > max_token_bytes || first == std::string::npos || first == second) return std::nullopt;
    const auto header = parse_json(base64url_decode(token.substr(0, first)), "token header");
    if (header.at("alg") != "RS256") return std::nullopt;
    const auto signature = base64url_decode(token.substr(second + 1));
    if (!tls::rs256_verify(public_key_, token.substr(0, second), signature)) return std::nullopt;
    const auto body = parse_json(base64url_decode(token.substr(first + 1, second - first - 1)), "token");
    if (body.at("iss") != issuer_ || !is_for_us(body)) return std::nullopt;
    if (body.at("exp").get<std::int64_t>() <= to_epoch_seconds(now)) return std::nullopt;
    return claims_of(body);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace slipway::pks
