#include <doctest/doctest.h>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/tls.hpp"
#include "pks-api/identity/identity.hpp"

namespace slipway::pks::identity_test {

namespace {

const tls::RsaKey& key() {
  static const auto made = tls::create_rsa_key();
  return made;
}

// Made once: a hash takes long on purpose.
const std::string& hash_of_correct() {
  static const auto made = tls::hash_password(Secret("correct"));
  return made;
}

struct Fixture {
  TempDir folder;
  ManualClock clock;
  SystemRandom random;
  sql::Database database{"sqlite://" + (folder.path() / "pks.db").string()};
  IdentityStore store{database};
  Tokens tokens{"issuer", key().private_key_pem, key().public_key_pem};
  std::unique_ptr<Identity> identity;

  Fixture() {
    database.migrate(migrations());
    add("user", "alana", {scope_manage, scope_admin_read});
    add("client", "pipeline", {scope_manage});
    identity = std::make_unique<Identity>(store, tokens, clock, random,
                                          OidcSettings{"https://api.lab:8443/oauth/token", "CA"});
  }
  void add(const std::string& kind, const std::string& name, std::vector<std::string> scopes) {
    store.put_user(kind, {name, hash_of_correct(), std::move(scopes)});
  }
  TokenRequest by_password(const std::string& password = "correct") const {
    TokenRequest request;
    request.grant_type = "password";
    request.client = "pks_cli";
    request.user = "alana";
    request.password = Secret(password);
    return request;
  }
  TokenRequest by_refresh(const std::string& token) const {
    TokenRequest request;
    request.grant_type = "refresh_token";
    request.client = "pks_cli";
    request.refresh_token = token;
    return request;
  }
  std::string refused(const TokenRequest& request) const {
    try {
      identity->issue(request);
    } catch (const OauthError& error) {
      return error.error;
    }
    return "";
  }
  std::optional<Caller> caller(const TokenReply& reply) const {
    return identity->caller("Bearer " + reply.access_token);
  }
};

std::string resigned(const Json& header, const Json& body) {
  const auto message = base64url_encode(dump(header)) + "." + base64url_encode(dump(body));
  return message + "." + base64url_encode(tls::rs256_sign(key().private_key_pem, message));
}

}  // namespace

TEST_CASE("a token tells who sent a request, until it expires") {
  Fixture f;
  const auto reply = f.identity->issue(f.by_password());
  CHECK(reply.expires_in == 600);
  REQUIRE(f.caller(reply));
  CHECK(f.caller(reply)->name == "alana");
  f.clock.advance(std::chrono::seconds(599));
  CHECK(f.caller(reply));
  f.clock.advance(std::chrono::seconds(1));
  CHECK_FALSE(f.caller(reply));
}

TEST_CASE("a token has never more scopes than were granted") {
  Fixture f;
  auto request = f.by_password();
  request.scope = scope_manage;
  const auto narrow = f.identity->issue(request);
  CHECK(narrow.scopes == std::vector<std::string>{scope_manage});
  request.scope = scope_admin;
  CHECK(f.refused(request) == "invalid_scope");
  auto refresh = f.by_refresh(narrow.refresh_token);
  CHECK(f.identity->issue(refresh).scopes == std::vector<std::string>{scope_manage});
  refresh.scope = scope_admin_read;
  CHECK(f.refused(refresh) == "invalid_scope");
}

TEST_CASE("a refresh token holds for its time, for its client and until it is revoked") {
  Fixture f;
  const auto reply = f.identity->issue(f.by_password());
  f.clock.advance(std::chrono::seconds(21599));
  CHECK(f.caller(f.identity->issue(f.by_refresh(reply.refresh_token))));
  auto other = f.by_refresh(reply.refresh_token);
  other.client = "pipeline";
  other.client_secret = Secret("correct");
  CHECK(f.refused(other) == "invalid_token");
  SUBCASE("time") { f.clock.advance(std::chrono::seconds(1)); }
  SUBCASE("revoked") { f.identity->revoke(reply.refresh_token); }
  SUBCASE("new password") { f.add("user", "alana", {scope_manage}); }
  SUBCASE("user removed") { f.store.remove_user("user", "alana"); }
  CHECK(f.refused(f.by_refresh(reply.refresh_token)) == "invalid_token");
}

TEST_CASE("tokens end at once when their user is removed or made anew") {
  Fixture f;
  const auto reply = f.identity->issue(f.by_password());
  f.store.remove_user("user", "alana");
  CHECK_FALSE(f.caller(reply));
  f.add("user", "alana", {scope_manage});
  CHECK_FALSE(f.caller(reply));
}

TEST_CASE("a client gets a token without a refresh token, and never passes for a user") {
  Fixture f;
  TokenRequest request;
  request.grant_type = "client_credentials";
  request.client = "pipeline";
  request.client_secret = Secret("correct");
  const auto reply = f.identity->issue(request);
  CHECK(reply.refresh_token.empty());
  CHECK(f.caller(reply)->name == "client:pipeline");
  request.client = "pks_cli";
  request.client_secret = Secret("");
  CHECK(f.refused(request) == "unauthorized");
  request.grant_type = "implicit";
  CHECK(f.refused(request) == "unsupported_grant_type");
}

TEST_CASE("a cluster is told who a user is and in which groups, and nothing that opens the API") {
  Fixture f;
  f.store.put_user("user", {"naomi", hash_of_correct(), {scope_admin}, 0, {"dev", "ops"}});
  auto request = f.by_password();
  request.user = "naomi";
  request.client = cluster_client;
  request.scope = "openid roles";
  const auto reply = f.identity->issue(request);
  const auto token = reply.id_token;
  const auto message = token.substr(0, token.rfind('.'));
  CHECK(
      tls::rs256_verify(key().public_key_pem, message, base64url_decode(token.substr(token.rfind('.') + 1))));
  const auto claims = parse_json(base64url_decode(message.substr(message.find('.') + 1)), "claims");
  CHECK(claims.at("iss") == "https://api.lab:8443/oauth/token");
  CHECK(claims.at("aud") == Json{cluster_client});
  CHECK(claims.at("user_name") == "naomi");
  CHECK(claims.at("roles") == Json{"dev", "ops"});
  CHECK(claims.at("exp").get<std::int64_t>() == to_epoch_seconds(f.clock.now()) + 600);

  // Neither of the two tokens carries the user's rights over clusters.
  CHECK_FALSE(f.identity->caller("Bearer " + token));
  REQUIRE(f.caller(reply));
  CHECK_FALSE(f.caller(reply)->reads_all());
  request.scope = scope_admin;
  CHECK(f.refused(request) == "invalid_scope");
  // kubectl renews it by the refresh token, and a group that was left is not told any more.
  auto refresh = f.by_refresh(reply.refresh_token);
  refresh.client = cluster_client;
  CHECK_FALSE(f.identity->issue(refresh).id_token.empty());
  // The API's own client gets no identity token.
  CHECK(f.identity->issue(f.by_password()).id_token.empty());
}

TEST_CASE("without an issuer's URL nobody logs in to clusters") {
  Fixture f;
  auto request = f.by_password();
  request.client = cluster_client;
  CHECK_THROWS_AS(Identity(f.store, f.tokens, f.clock, f.random).issue(request), OauthError);
}

TEST_CASE("an issuer is a URL that clusters can begin discovery from, and groups have names") {
  for (const auto* url : {"", "https://api.lab:8443/oauth/token", "https://10.0.0.1:8443", "https://a/b/"}) {
    CHECK_NOTHROW(check_issuer_url(url));
  }
  for (const auto* url : {"http://a", "https://", "https://a?b", "https://a#b", "https://a b", "ftp://a"}) {
    CHECK_THROWS_AS(check_issuer_url(url), Error);
  }
  CHECK(OidcSettings{"https://a:1/oauth/token", ""}.path() == "/oauth/token");
  CHECK(OidcSettings{"https://a:1/", ""}.path() == "");
  CHECK_NOTHROW(check_groups({"dev", "cn=dev,ou=groups"}));
  for (const auto* group : {"", " dev", "a\nb", "-x"}) CHECK_THROWS_AS(check_groups({group}), Error);
}

TEST_CASE("guessing gets slower, for half a minute at most, and for the guesser only") {
  Fixture f;
  for (int i = 0; i < 5; ++i) CHECK(f.refused(f.by_password("wrong")) == "unauthorized");
  CHECK(f.refused(f.by_password()) == "unauthorized");  // even the right one has to wait
  auto elsewhere = f.by_password();
  elsewhere.remote_address = "10.0.0.2";
  CHECK(f.refused(elsewhere) == "");
  f.clock.advance(std::chrono::seconds(31));
  CHECK(f.refused(f.by_password()) == "");
}

TEST_CASE("the public key is told as others' libraries read it") {
  const Fixture f;
  const auto jwk = f.tokens.public_key_jwk();
  CHECK(jwk.at("e") == "AQAB");
  CHECK(base64url_decode(jwk.at("n").get<std::string>()).size() == 256);
}

TEST_CASE("forged and foreign tokens are refused") {
  Fixture f;
  const auto now = to_epoch_seconds(f.clock.now());
  const auto epoch = f.store.find_user("user", "alana")->epoch;
  const Json header = {{"alg", "RS256"}};
  const Json body = {{"iss", "issuer"},    {"aud", {"pks_api"}}, {"sub", "alana"},
                     {"sub_kind", "user"}, {"client_id", "x"},   {"scope", {scope_admin}},
                     {"epoch", epoch},     {"jti", "1"},         {"exp", now + 60}};
  const auto accepted = [&](const std::string& token) {
    return f.identity->caller("Bearer " + token).has_value();
  };
  const auto with = [&](const char* name, const Json& value) {
    auto changed = body;
    changed[name] = value;
    return resigned(header, changed);
  };
  REQUIRE(accepted(resigned(header, body)));
  CHECK_FALSE(accepted(with("aud", "other")));
  CHECK_FALSE(accepted(with("iss", "other")));
  CHECK_FALSE(accepted(with("exp", now)));
  CHECK_FALSE(accepted(with("epoch", epoch - 1)));
  CHECK_FALSE(accepted(with("sub", "nobody")));
  CHECK_FALSE(accepted(resigned({{"alg", "none"}}, body)));
  CHECK_FALSE(accepted(resigned({{"alg", "HS256"}}, body)));
  const auto unsigned_message = base64url_encode("{\"alg\":\"none\"}") + "." + base64url_encode(dump(body));
  CHECK_FALSE(accepted(unsigned_message + "."));
  const auto hmac_message = base64url_encode("{\"alg\":\"HS256\"}") + "." + base64url_encode(dump(body));
  CHECK_FALSE(
      accepted(hmac_message + "." + base64url_encode(hmac_sha256(key().public_key_pem, hmac_message))));
  auto tampered = resigned(header, body);
  tampered[tampered.size() / 2] = tampered[tampered.size() / 2] == 'A' ? 'B' : 'A';
  CHECK_FALSE(accepted(tampered));
  for (const auto* rubbish : {"", ".", "..", "a.b.c", "a.b"}) CHECK_FALSE(accepted(rubbish));
  CHECK_FALSE(f.identity->caller("Basic YTpi"));
}

}  // namespace slipway::pks::identity_test
