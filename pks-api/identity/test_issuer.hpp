#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/http/server.hpp"
#include "base/tls.hpp"
#include "test/authority.hpp"

namespace slipway::pks {

// A key of an issuer: RSA, and what it signs by RS256.
class TestKey {
 public:
  explicit TestKey(std::string id);
  Json jwk() const;  // the public half
  const std::string& public_key_pem() const { return key_.public_key_pem; }
  // {alg: RS256, kid} with `header` over it.
  std::string sign(const Json& claims, const Json& header = Json::object()) const;

 private:
  std::string id_;
  tls::RsaKey key_;
};

// An OpenID Connect issuer on the loopback, with a certificate of a CA of its own. It has keys; what tokens say is the
// test's. Users log in by the device authorization grant, and a refresh token holds once.
class TestIssuer {
 public:
  TestIssuer();
  ~TestIssuer();
  std::string url() const { return "https://127.0.0.1:" + std::to_string(server_->port()) + "/realms/lab"; }
  std::string ca_pem() const { return authority_.ca().certificate_pem; }
  void publish(std::vector<Json> keys);
  void be_away(bool on);
  void claim_to_be(const std::string& issuer);  // in its document
  int fetches();                                // of its keys
  // Who logs in from now on is this one: claims besides issuer, audience and times. Empty: he says no.
  void be_logged_in(const Json& who, const TestKey& signer, std::chrono::seconds lifetime);
  void end_sessions();  // no refresh token holds any more
  int refreshes();
  // Claims of a token for `audience` that holds for an hour from `now`.
  Json claims(const std::string& user, const std::string& audience, Timestamp now) const;

 private:
  http::Response answer(http::Request& request);
  http::Response begin_login(const std::multimap<std::string, std::string>& form);
  http::Response give_tokens(const std::multimap<std::string, std::string>& form);
  http::Response tokens_for(const std::string& client);

  const test::Authority authority_{"issuer CA"};
  TempDir folder_{"issuer"};
  std::mutex mutex_;
  std::vector<Json> keys_;
  std::string claimed_;
  bool away_ = false;
  int fetches_ = 0, refreshes_ = 0, grants_ = 0;
  Json who_;
  const TestKey* signer_ = nullptr;
  std::chrono::seconds lifetime_{};
  std::map<std::string, int> polls_;              // by device code
  std::map<std::string, std::string> refresh_tokens_;  // and their clients
  std::unique_ptr<http::Server> server_;
};

}  // namespace slipway::pks
