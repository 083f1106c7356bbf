#include "pks-api/identity/test_issuer.hpp"

#include "base/digest.hpp"
#include "base/http/client.hpp"
#include "pks-api/identity/tokens.hpp"

namespace slipway::pks {

namespace {

std::string field(const std::multimap<std::string, std::string>& form, const std::string& name) {
  const auto found = form.find(name);
  return found == form.end() ? "" : found->second;
}

http::Response refusal(const std::string& error) { return http::Response::json(400, {{"error", error}}); }

}  // namespace

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

void TestIssuer::be_logged_in(const Json& who, const TestKey& signer, std::chrono::seconds lifetime) {
  const std::lock_guard lock(mutex_);
  who_ = who;
  signer_ = &signer;
  lifetime_ = lifetime;
}

void TestIssuer::end_sessions() {
  const std::lock_guard lock(mutex_);
  refresh_tokens_.clear();
}

int TestIssuer::refreshes() {
  const std::lock_guard lock(mutex_);
  return refreshes_;
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
    return http::Response::json(200, {{"issuer", claimed_},
                                      {"jwks_uri", base + "/keys?format=jwk"},
                                      {"token_endpoint", base + "/token"},
                                      {"device_authorization_endpoint", base + "/device"},
                                      {"scopes_supported", {"openid", "groups"}}});
  }
  if (request.path == "/realms/lab/device") return begin_login(http::parse_query(request.body->read_all(4096)));
  if (request.path == "/realms/lab/token") return give_tokens(http::parse_query(request.body->read_all(4096)));
  if (request.path != "/realms/lab/keys") return http::Response::empty(404);
  ++fetches_;
  return http::Response::json(200, {{"keys", keys_}});
}

http::Response TestIssuer::begin_login(const std::multimap<std::string, std::string>& form) {
  if (field(form, "scope") != "openid groups") return refusal("invalid_scope");
  const auto code = field(form, "client_id") + "-" + std::to_string(++grants_);
  polls_[code] = 0;
  return http::Response::json(200, {{"device_code", code},
                                    {"user_code", "WDJB-MJHT"},
                                    {"verification_uri", url() + "/device"},
                                    {"expires_in", 60},
                                    {"interval", 1}});
}

http::Response TestIssuer::give_tokens(const std::multimap<std::string, std::string>& form) {
  const auto client = field(form, "client_id");
  if (field(form, "grant_type") == "refresh_token") {
    const auto known = refresh_tokens_.find(field(form, "refresh_token"));
    if (known == refresh_tokens_.end() || known->second != client) return refusal("invalid_grant");
    refresh_tokens_.erase(known);
    ++refreshes_;
    return tokens_for(client);
  }
  const auto begun = polls_.find(field(form, "device_code"));
  if (field(form, "grant_type") != "urn:ietf:params:oauth:grant-type:device_code" || begun == polls_.end() ||
      !begun->first.starts_with(client + "-")) {
    return refusal("invalid_grant");
  }
  if (begun->second++ == 0) return refusal("authorization_pending");
  polls_.erase(begun);
  return who_.empty() ? refusal("access_denied") : tokens_for(client);
}

http::Response TestIssuer::tokens_for(const std::string& client) {
  const auto now = to_epoch_seconds(SystemClock().now());
  Json said = {{"iss", url()}, {"sub", "7f3a"}, {"aud", client}, {"iat", now}, {"exp", now + lifetime_.count()}};
  said.update(who_);
  const auto refresh = "refresh-" + std::to_string(++grants_);
  refresh_tokens_[refresh] = client;
  return http::Response::json(200, {{"access_token", "opaque"},
                                    {"token_type", "Bearer"},
                                    {"id_token", signer_->sign(said)},
                                    {"refresh_token", refresh}});
}

}  // namespace slipway::pks
