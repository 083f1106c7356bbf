#include "pks-api/identity/test_issuer.hpp"

#include "base/digest.hpp"
#include "pks-api/identity/tokens.hpp"

namespace slipway::pks {

TestKey::TestKey(std::string id) : id_(std::move(id)), key_(tls::create_rsa_key()) {}

Json TestKey::jwk() const {
  auto jwk = Tokens("", key_.private_key_pem, key_.public_key_pem).public_key_jwk();
  jwk["kid"] = id_;
  return jwk;
}

std::string TestKey::sign(const Json& claims, const Json& header) const {
  Json whole = {{"alg", "RS256"}, {"kid", id_}};
  whole.update(header);
  const auto message = base64url_encode(dump(whole)) + "." + base64url_encode(dump(claims));
  return message + "." + base64url_encode(tls::rs256_sign(key_.private_key_pem, message));
}

TestIssuer::TestIssuer() {
  const auto pair = authority_.issue("127.0.0.1");
  http::ServerConfig config;
  config.certificate_file = (folder_.path() / "crt").string();
  config.private_key_file = (folder_.path() / "key").string();
  write_file_atomically(config.certificate_file, pair.certificate_pem);
  write_file_atomically(config.private_key_file, pair.private_key_pem.reveal(), 0600);
  server_ = std::make_unique<http::Server>(
      config, [this](http::Request& r) { return answer(r); }, Log::discard());
  claimed_ = url();
}

TestIssuer::~TestIssuer() { server_->stop(); }

void TestIssuer::publish(std::vector<Json> keys) {
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
}

void TestIssuer::be_away(bool on) {
  const std::lock_guard lock(mutex_);
  away_ = on;
}

void TestIssuer::claim_to_be(const std::string& issuer) {
  const std::lock_guard lock(mutex_);
  claimed_ = issuer;
}

int TestIssuer::fetches() {
  const std::lock_guard lock(mutex_);
  return fetches_;
}

Json TestIssuer::claims(const std::string& user, const std::string& audience, Timestamp now) const {
  const auto seconds = to_epoch_seconds(now);
  return {{"iss", url()}, {"sub", user}, {"aud", audience}, {"iat", seconds}, {"exp", seconds + 3600}};
}

http::Response TestIssuer::answer(http::Request& request) {
  const std::lock_guard lock(mutex_);
  if (away_) return http::Response::empty(503);
  if (request.path == "/realms/lab/.well-known/openid-configuration") {
    const auto base = url();
    return http::Response::json(200, {{"issuer", claimed_}, {"jwks_uri", base + "/keys?format=jwk"}});
  }
  if (request.path != "/realms/lab/keys") return http::Response::empty(404);
  ++fetches_;
  return http::Response::json(200, {{"keys", keys_}});
}

}  // namespace slipway::pks
