#include "pks-api/identity/external_issuer.hpp"

#include <doctest/doctest.h>

#include "base/digest.hpp"
#include "pks-api/identity/jws.hpp"
#include "pks-api/identity/test_issuer.hpp"

namespace slipway::pks::external_issuer_test {

namespace {

// Made once: keys take long.
const TestKey& first_key() {
  static const TestKey key("first");
  return key;
}

const TestKey& second_key() {
  static const TestKey key("second");
  return key;
}

struct Trust {
  TestIssuer issuer;
  TempDir folder;
  ManualClock clock;
  std::unique_ptr<ExternalIssuer> external;

  Trust() {
    issuer.publish({first_key().jwk()});
    begin(issuer.ca_pem());
  }
  void begin(const std::string& ca_pem, const std::string& user_claim = "sub") {
    ExternalIssuerSettings settings;
    settings.url = issuer.url();
    settings.ca_file = (folder.path() / "ca.crt").string();
    write_file_atomically(settings.ca_file, ca_pem);
    settings.audience = "pks";
    settings.cluster_client = "clusters";
    settings.user_claim = user_claim;
    settings.groups_claim = "groups";
    settings.scopes = {{"operators", {"pks.clusters.manage"}}, {"readers", {"pks.clusters.admin.read"}}};
    settings.timeout = std::chrono::seconds(60);
    external = std::make_unique<ExternalIssuer>(settings, clock);
  }
  Json claims() const { return issuer.claims("alana", "pks", clock.now()); }
  std::optional<ExternalIssuer::User> user(const std::string& token) const { return external->user_of(token); }
  bool takes(const std::string& claim, const Json& value) const {
    auto changed = claims();
    changed[claim] = value;
    return user(first_key().sign(changed)).has_value();
  }
};

}  // namespace

TEST_CASE("a token of the issuer tells its user, and its groups what he may do") {
  Trust f;
  auto claims = f.claims();
  claims["groups"] = {"operators", "others", 7, "readers", "operators"};
  const auto user = f.user(first_key().sign(claims));
  REQUIRE(user);
  CHECK(user->name == "oidc:alana");
  CHECK(user->scopes == std::vector<std::string>{"pks.clusters.manage", "pks.clusters.admin.read"});
  claims["groups"] = "readers";
  CHECK(f.user(first_key().sign(claims))->scopes == std::vector<std::string>{"pks.clusters.admin.read"});
  claims.erase("groups");
  CHECK(f.user(first_key().sign(claims))->scopes.empty());
  CHECK(f.issuer.fetches() == 1);
}

TEST_CASE("a token for others, of others, too old, too new or for nobody is none") {
  Trust f;
  CHECK(f.takes("jti", "anything"));
  CHECK(f.takes("aud", Json{"others", "pks"}));
  CHECK_FALSE(f.takes("aud", "others"));
  CHECK_FALSE(f.takes("aud", Json{"pks", "clusters"}));  // any cluster may have seen it
  CHECK_FALSE(f.takes("aud", Json::array()));
  CHECK_FALSE(f.takes("aud", Json::object()));
  CHECK_FALSE(f.takes("iss", f.issuer.url() + "/"));
  CHECK_FALSE(f.takes("iss", nullptr));
  const auto now = to_epoch_seconds(f.clock.now());
  CHECK_FALSE(f.takes("exp", now));
  CHECK_FALSE(f.takes("exp", "never"));
  CHECK_FALSE(f.takes("exp", nullptr));
  CHECK_FALSE(f.takes("nbf", now + 3600));
  CHECK_FALSE(f.takes("iat", now + 3600));
  CHECK(f.takes("iat", now + 5));  // clocks differ
  CHECK_FALSE(f.takes("sub", ""));
  CHECK_FALSE(f.takes("sub", "client:pipeline"));
  CHECK_FALSE(f.takes("sub", "two words"));
  CHECK_FALSE(f.takes("sub", 7));
  const auto token = first_key().sign(f.claims());
  f.clock.advance(std::chrono::hours(2));
  CHECK_FALSE(f.user(token));
}

TEST_CASE("an address counts as a name when the issuer does not say that it is unproved") {
  Trust f;
  f.begin(f.issuer.ca_pem(), "email");
  auto claims = f.claims();
  claims["email"] = "alana@example.org";
  CHECK(f.user(first_key().sign(claims))->name == "oidc:alana@example.org");
  claims["email_verified"] = false;
  CHECK_FALSE(f.user(first_key().sign(claims)));
}

TEST_CASE("no algorithm but that of the issuer's key signs a token") {
  Trust f;
  const auto claims = f.claims();
  const auto with_signature = [&](const Json& header, const std::string& signature) {
    return base64url_encode(dump(header)) + "." + base64url_encode(dump(claims)) + "." + signature;
  };
  CHECK_FALSE(f.user(with_signature({{"alg", "none"}, {"kid", "first"}}, "")));
  CHECK_FALSE(f.user(with_signature({{"alg", "None"}}, "")));
  // The public key, which everybody has, as a shared secret.
  const Json shared = {{"alg", "HS256"}, {"kid", "first"}};
  const auto message = base64url_encode(dump(shared)) + "." + base64url_encode(dump(claims));
  CHECK_FALSE(f.user(message + "." + base64url_encode(hmac_sha256(first_key().public_key_pem(), message))));
  CHECK_FALSE(f.user(first_key().sign(claims, {{"alg", "RS512"}})));
  CHECK_FALSE(f.user(first_key().sign(claims, {{"alg", "ES256"}})));
  // A key that comes with the token proves nothing.
  CHECK_FALSE(f.user(second_key().sign(claims, {{"kid", "first"}})));
  CHECK_FALSE(f.user(second_key().sign(claims, {{"jwk", second_key().jwk()}})));
  CHECK_FALSE(f.user(first_key().sign(claims, {{"crit", {"exp"}}})));
  auto token = first_key().sign(claims);
  CHECK(f.user(token));
  token[token.find('.') + 5] ^= 1;
  CHECK_FALSE(f.user(token));
  for (const auto* text : {"", ".", "..", "a.b.c", "e30.e30.", "e30.e30.e30.e30"}) CHECK_FALSE(f.user(text));
  CHECK_FALSE(f.user(std::string(1u << 20, '.')));

  // What the issuer says of its key holds.
  auto key = first_key().jwk();
  key["use"] = "enc";
  f.issuer.publish({key});
  f.begin(f.issuer.ca_pem());
  CHECK_FALSE(f.user(first_key().sign(claims)));
  key["use"] = "sig";
  key["alg"] = "RS512";
  f.issuer.publish({key, {{"kid", "first"}, {"kty", "oct"}, {"k", "AAAA"}}, {{"kid", 7}}, "no key"});
  f.begin(f.issuer.ca_pem());
  CHECK_FALSE(f.user(first_key().sign(claims)));
}

TEST_CASE("elliptic keys sign as well") {
  // RFC 7515, appendix A.3.
  const auto token = parse_jws(
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
      "cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
  Json key = {{"kty", "EC"},
              {"crv", "P-256"},
              {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
              {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}};
  CHECK(is_signed_by(token, key));
  auto changed = token;
  changed.compact[40] ^= 1;
  CHECK_FALSE(is_signed_by(changed, key));
  CHECK_FALSE(is_signed_by(token, first_key().jwk()));
  key["x"] = key["y"];
  CHECK_FALSE(is_signed_by(token, key));  // no point of the curve
}

TEST_CASE("keys that the issuer begins with are taken at once, and those it ends with no more before long") {
  Trust f;
  CHECK(f.user(first_key().sign(f.claims())));
  CHECK_FALSE(f.user(second_key().sign(f.claims())));
  f.clock.advance(std::chrono::seconds(30));
  f.issuer.publish({first_key().jwk(), second_key().jwk()});
  CHECK(f.user(second_key().sign(f.claims())));
  CHECK(f.user(first_key().sign(f.claims())));
  // Without an id there is a choice of two: whose is it?
  auto claims = f.claims();
  CHECK_FALSE(f.user(second_key().sign(claims, {{"kid", ""}})));

  f.issuer.publish({second_key().jwk()});
  f.clock.advance(std::chrono::minutes(6));
  CHECK_FALSE(f.user(first_key().sign(f.claims())));
  CHECK(f.user(second_key().sign(f.claims())));
  CHECK(f.user(second_key().sign(f.claims(), {{"kid", ""}})));
}

TEST_CASE("whoever sends ids that nobody knows has no key fetched for each") {
  Trust f;
  for (int i = 0; i < 50; ++i) {
    CHECK_FALSE(f.user(second_key().sign(f.claims(), {{"kid", "none-" + std::to_string(i)}})));
  }
  CHECK(f.issuer.fetches() == 2);
}

TEST_CASE("while the issuer is away, what is known of it holds for an hour, and then nothing does") {
  Trust f;
  CHECK(f.user(first_key().sign(f.claims())));
  f.issuer.be_away(true);
  f.clock.advance(std::chrono::minutes(50));
  CHECK(f.user(first_key().sign(f.claims())));
  f.clock.advance(std::chrono::minutes(20));
  CHECK_THROWS_WITH_AS(f.user(first_key().sign(f.claims())), doctest::Contains("cannot be read right now"), Error);
  f.issuer.be_away(false);
  f.clock.advance(std::chrono::seconds(6));
  CHECK(f.user(first_key().sign(f.claims())));
}

TEST_CASE("an issuer of another CA or another name is not believed") {
  Trust f;
  SUBCASE("another CA") { f.begin(TestIssuer().ca_pem()); }
  SUBCASE("another name") { f.issuer.claim_to_be("https://127.0.0.1/other"); }
  CHECK_THROWS_AS(f.user(first_key().sign(f.claims())), Error);
  CHECK_FALSE(f.user("no token"));  // nobody is asked for that
}

}  // namespace slipway::pks::external_issuer_test
