#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/http/message.hpp"
#include "base/random.hpp"
#include "base/rs256_key.hpp"
#include "base/secret.hpp"
#include "director/api/access.hpp"

namespace slipway::director {

struct ApiUser {
  std::string name, password_hash;  // see tls::hash_password
  std::vector<std::string> scopes;
};

// Tells who sent a request: Basic credentials of a configured user, or a bearer token (JWT,
// RS256) signed with a trusted key. Thread-safe.
class Authenticator {
 public:
  // `token_keys`: PEM public keys. Fault::invalid when one cannot be read.
  Authenticator(std::vector<ApiUser> users, const std::vector<std::string>& token_keys, Clock& clock, Random& random);

  // Empty scopes and user when there are no credentials or wrong ones.
  Caller identify(const http::Request& request);

 private:
  Caller by_password(std::string_view encoded);
  Caller by_token(const std::string& token) const;

  struct Known {
    std::string user;
    Instant until{};
  };
  const std::vector<ApiUser> users_;
  const std::vector<tls::Rs256Key> token_keys_;
  Clock& clock_;
  // scrypt costs some 50 ms on purpose: a client that polls pays once a minute. What is kept
  // is an HMAC under a key that lives in this process only.
  const Secret cache_key_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;
  std::mutex hashing_;  // guesses use up one core at most
  std::string hash_of_nobody_;  // an unknown user costs as much as a wrong password
};

}  // namespace slipway::director
