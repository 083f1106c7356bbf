#include "director/api/authenticator.hpp"

#include <doctest/doctest.h>

#include "director/api/fixture.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace std::chrono_literals;

namespace authenticator_test {

namespace {

struct Fixture {
  ManualClock clock;
  SystemRandom random;
  tls::RsaKey key = tls::create_rsa_key();
  std::int64_t now = to_epoch_seconds(clock.now());

  std::unique_ptr<Authenticator> authenticator(const std::string& hash = tls::hash_password(Secret("pa:ss"))) {
    return std::make_unique<Authenticator>(std::vector<ApiUser>{{"ann", hash, {"bosh.read"}}},
                                           std::vector<std::string>{key.public_key_pem}, clock, random);
  }
  static http::Request with(const std::string& authorization) {
    http::Request request;
    request.headers["Authorization"] = authorization;
    return request;
  }
  static http::Request basic(const std::string& text) { return with("Basic " + base64_encode(text)); }
  std::string token(const Json& claims, const Json& header = {{"alg", "RS256"}}) const {
    const auto message = base64url_encode(header.dump()) + "." + base64url_encode(claims.dump());
    return message + "." + base64url_encode(tls::rs256_sign(key.private_key_pem, message));
  }
};

}  // namespace

TEST_CASE("a user is known by name and password, which may hold colons") {
  Fixture f;
  const auto a = f.authenticator();
  CHECK(a->identify(f.basic("ann:pa:ss")).user == "ann");
  CHECK(a->identify(f.basic("ann:pa:ss")).scopes == std::set<std::string>{"bosh.read"});
  CHECK(a->identify(f.basic("ann:wrong")).anonymous());
  CHECK(a->identify(f.basic("bob:pa:ss")).anonymous());
  CHECK(a->identify(f.basic(":pa:ss")).anonymous());
  CHECK(a->identify(f.basic("ann")).anonymous());
  CHECK(a->identify(f.with("Basic !!!")).anonymous());
  CHECK(a->identify(f.with("Digest x")).anonymous());
  CHECK(a->identify({}).anonymous());
}

TEST_CASE("a right password is remembered for a minute, so that polling is cheap") {
  Fixture f;
  const auto a = f.authenticator();
  a->identify(f.basic("ann:pa:ss"));
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) CHECK(a->identify(f.basic("ann:pa:ss")).user == "ann");
  CHECK(std::chrono::steady_clock::now() - start < 5s);
  f.clock.advance(61s);
  CHECK(a->identify(f.basic("ann:pa:ss")).user == "ann");
  CHECK(a->identify(f.basic("ann:wrong")).anonymous());
}

TEST_CASE("a token signed by a trusted issuer gives its user and scopes") {
  Fixture f;
  const auto a = f.authenticator();
  const Json claims = {{"user_name", "eve"}, {"exp", f.now + 60}, {"scope", {"bosh.admin", "openid"}}};
  const auto caller = a->identify(f.with("bearer " + f.token(claims)));
  CHECK(caller.user == "eve");
  CHECK(caller.scopes == std::set<std::string>{"bosh.admin", "openid"});
  const Json client = {{"client_id", "robot"}, {"exp", f.now + 60}, {"scope", "bosh.read bosh.teams.a.admin"}};
  CHECK(a->identify(f.with("Bearer " + f.token(client))).scopes ==
        std::set<std::string>{"bosh.read", "bosh.teams.a.admin"});
}

TEST_CASE("expired, early, unsigned, foreign and mangled tokens prove nothing") {
  Fixture f, other;
  const auto a = f.authenticator();
  const Json good = {{"user_name", "eve"}, {"exp", f.now + 60}, {"scope", {"bosh.admin"}}};
  const auto refused = [&](const std::string& token) { return a->identify(f.with("bearer " + token)).anonymous(); };
  auto claims = good;
  claims["exp"] = f.now - 1;
  CHECK(refused(f.token(claims)));
  claims.erase("exp");
  CHECK(refused(f.token(claims)));
  claims = good;
  claims["nbf"] = f.now + 3600;
  CHECK(refused(f.token(claims)));
  CHECK(refused(f.token(good, {{"alg", "none"}})));
  CHECK(refused(f.token(good, {{"alg", "HS256"}})));
  CHECK(refused(other.token(good)));
  auto mangled = f.token(good);
  mangled[mangled.find('.') + 3] ^= 1;
  CHECK(refused(mangled));
  CHECK(refused(""));
  CHECK(refused("a.b"));
  CHECK(refused("a.b.c.d"));
  CHECK(refused(std::string(20000, 'a')));
  CHECK_FALSE(refused(f.token(good)));
}

}  // namespace authenticator_test
