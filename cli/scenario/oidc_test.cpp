#include <doctest/doctest.h>

#include <signal.h>

#include <filesystem>

#include "base/yaml.hpp"
#include "cli/scenario/pks_lab.hpp"
#include "pks-api/identity/test_issuer.hpp"

// Users of an OpenID Connect issuer that is not ours, by the real slipway-pks-api and pks.

namespace slipway::cli::oidc_test {

namespace {

namespace fs = std::filesystem;

// A lab whose API takes the issuer's tokens.
struct IssuerLab {
  pks::TestIssuer issuer;
  pks::TestKey key{"first"};
  SystemClock clock;
  Lab lab;

  IssuerLab() {
    issuer.publish({key.jwk()});
    write_file_atomically(fs::path(lab.folder()) / "issuer-ca.crt", issuer.ca_pem(), 0600);
    lab.stop(SIGTERM);
    configure("audience", "pks");
    lab.start();
  }
  void configure(const std::string& setting, const Json& value) {
    const auto file = fs::path(lab.folder()) / "pks-api.yml";
    auto config = parse_yaml(read_file(file), "pks-api.yml");
    auto& settings = config["external_issuer"];
    if (settings.is_null()) {
      settings = {{"url", issuer.url()},
                  {"ca_file", "issuer-ca.crt"},
                  {"audience", "pks"},
                  {"user_claim", "preferred_username"},
                  {"scopes", {{"operators", {"pks.clusters.manage"}}}}};
    }
    settings[setting] = value;
    write_file_atomically(file, to_yaml(config), 0600);
  }
  std::string token(const std::string& name, const Json& groups, const pks::TestKey& signer) const {
    auto claims = issuer.claims("7f3a", "pks", clock.now());
    claims["preferred_username"] = name;
    claims["groups"] = groups;
    return signer.sign(claims);
  }
  User with(const std::string& access_token) {
    auto user = lab.logged_in("admin");
    auto creds = user.creds();
    creds.erase("refresh_token");
    creds["access_token"] = access_token;
    user.set_creds(creds);
    return user;
  }
};

}  // namespace

TEST_CASE("users of an external issuer order clusters by its tokens, and are nobody else") {
  IssuerLab f;
  f.lab.add_user("alana", {"pks.clusters.manage"});
  const auto token = f.token("alana", {"operators", "others"}, f.key);
  const auto theirs = f.with(token);
  REQUIRE(theirs.pks(create("theirs", true, "kube")).exit_code == 0);
  CHECK(theirs.json({"clusters"}).size() == 1);
  CHECK(f.lab.logged_in("alana").json({"clusters"}).empty());  // the store's alana is another one
  CHECK(f.lab.logged_in("admin").call("GET", "/v1/usages").json()[0].at("owner") == "oidc:alana");
  CHECK(theirs.call("GET", "/v1/usages/oidc%3Aalana").status == 200);
  CHECK(theirs.call("GET", "/v1/quotas").status == 403);
  CHECK(theirs.call("GET", "/v1/clusters/theirs/binds/oidc%3Aalana").status == 409);
  CHECK(f.with(f.token("naomi", {"others"}, f.key)).call("GET", "/v1/clusters").status == 403);
  const auto audit = read_file(fs::path(f.lab.folder()) / "state/audit.log");
  CHECK(contains(audit, "\"who\":\"oidc:alana\""));
  CHECK_FALSE(contains(audit + f.lab.log(), token));
}

TEST_CASE("the issuer's new key is taken without a restart, and tokens of others are refused") {
  IssuerLab f;
  const pks::TestKey next("next"), stranger("first");
  CHECK(f.with(f.token("alana", {"operators"}, f.key)).call("GET", "/v1/clusters").status == 200);
  f.issuer.publish({f.key.jwk(), next.jwk()});
  CHECK(f.with(f.token("alana", {"operators"}, next)).call("GET", "/v1/clusters").status == 200);
  CHECK(f.with(f.token("alana", {"operators"}, stranger)).call("GET", "/v1/clusters").status == 401);
  CHECK(f.with(f.token("two words", {"operators"}, f.key)).call("GET", "/v1/clusters").status == 401);
}

TEST_CASE("while the issuer is away its users are told so, and others do not notice") {
  IssuerLab f;
  f.issuer.be_away(true);
  const auto user = f.with(f.token("alana", {"operators"}, f.key));
  const auto answer = user.call("GET", "/v1/clusters");
  CHECK(answer.status == 503);
  CHECK(contains(answer.json().at("body").get<std::string>(), "keys of the token's issuer cannot be read right now"));
  CHECK(f.lab.logged_in("admin").call("GET", "/v1/clusters").status == 200);
}

TEST_CASE("settings of an issuer that cannot be meant are refused before anything listens") {
  IssuerLab f;
  const auto refused = [&](const std::string& setting, const Json& value, const Json& right, const std::string& part) {
    f.configure(setting, value);
    INFO(setting);
    CHECK_THROWS_WITH_AS(f.lab.api_program({"--check-config"}), doctest::Contains(part.c_str()), Error);
    f.configure(setting, right);
  };
  refused("url", "http://127.0.0.1", f.issuer.url(), "external_issuer.url is 'http://127.0.0.1'");
  refused("audience", "", "pks", "external_issuer.audience is missing");
  refused("scopes", {{"operators", {"root"}}}, Json::object(), "external_issuer.scopes, group 'operators'");
  refused("ca_file", "none.crt", "issuer-ca.crt", "none.crt");
  refused("user_clam", "sub", "sub", "user_clam");
}

}  // namespace slipway::cli::oidc_test
