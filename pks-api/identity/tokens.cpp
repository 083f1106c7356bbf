#include "pks-api/identity/tokens.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>

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

// A number of the RSA key as JWKs write them: big-endian, base64url.
std::string key_number(const EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) throw Error(Fault::invalid, "the token key is no RSA key");
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(raw, BN_free);
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(raw)), '\0');
  BN_bn2bin(raw, reinterpret_cast<unsigned char*>(bytes.data()));
  return base64url_encode(bytes);
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
      key_id_(sha256_hex(public_key_).substr(0, 16)),
      verifier_(public_key_) {}

std::string Tokens::signed_token(const Json& body) const {
  const Json header = {{"alg", "RS256"}, {"typ", "JWT"}, {"kid", key_id_}};
  const auto message = base64url_encode(dump(header)) + "." + base64url_encode(dump(body));
  return message + "." + base64url_encode(tls::rs256_sign(private_key_, message));
}

std::string Tokens::sign_id(const IdClaims& claims, Timestamp now, std::chrono::seconds lifetime) const {
  return signed_token({{"iss", claims.issuer},
                       {"aud", {claims.client}},
                       {"azp", claims.client},
                       {"sub", claims.subject},
                       {"user_name", claims.subject},
                       {"roles", claims.groups},
                       {"jti", claims.id},
                       {"iat", to_epoch_seconds(now)},
                       {"exp", to_epoch_seconds(now + lifetime)}});
}

std::string Tokens::sign(const Claims& claims, Timestamp now, std::chrono::seconds lifetime) const {
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
  return signed_token(body);
}

Json Tokens::public_key_jwk() const {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(
      BIO_new_mem_buf(public_key_.data(), static_cast<int>(public_key_.size())), BIO_free_all);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  if (!key) throw Error(Fault::invalid, "the token's public key is no PEM public key");
  return {{"kty", "RSA"},
          {"alg", "RS256"},
          {"use", "sig"},
          {"kid", key_id_},
          {"n", key_number(key.get(), OSSL_PKEY_PARAM_RSA_N)},
          {"e", key_number(key.get(), OSSL_PKEY_PARAM_RSA_E)},
          {"value", public_key_}};
}

std::optional<Claims> Tokens::read(const std::string& token, Timestamp now) const {
  try {
    const auto first = token.find('.');
    const auto second = token.rfind('.');
    if (token.size() > max_token_bytes || first == std::string::npos || first == second) return std::nullopt;
    const auto header = parse_json(base64url_decode(token.substr(0, first)), "token header");
    if (header.at("alg") != "RS256") return std::nullopt;
    const auto signature = base64url_decode(token.substr(second + 1));
    if (!verifier_.verifies(std::string_view(token).substr(0, second), signature)) return std::nullopt;
    const auto body = parse_json(base64url_decode(token.substr(first + 1, second - first - 1)), "token");
    if (body.at("iss") != issuer_ || !is_for_us(body)) return std::nullopt;
    if (body.at("exp").get<std::int64_t>() <= to_epoch_seconds(now)) return std::nullopt;
    return claims_of(body);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace slipway::pks
