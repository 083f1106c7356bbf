#include <doctest/doctest.h>

#include <signal.h>

#include <filesystem>

#include "base/yaml.hpp"
#include "cli/scenario/pks_lab.hpp"
#include "cli/scenario/slapd.hpp"

// Users of a real slapd, by the real slipway-pks-api and pks.

namespace slipway::cli::ldap_test {

namespace {

namespace fs = std::filesystem;

Json settings_for(const Slapd& slapd) {
  return {{"url", slapd.url()},
          {"ca_file", "ldap-ca.crt"},
          {"bind_dn", Slapd::searcher},
          {"bind_password_file", "ldap.password"},
          {"user_base", "ou=people,dc=lab"},
          {"group_base", "ou=groups,dc=lab"},
          {"timeout_seconds", 5},
          {"scopes", {{"operators", {"pks.clusters.manage"}}, {"readers", {"pks.clusters.admin.read"}}}}};
}

void configure(Lab& lab, const Json& ldap, const std::string& ca, const std::string& password) {
  const fs::path folder = lab.folder();
  write_file_atomically(folder / "ldap-ca.crt", ca, 0600);
  write_file_atomically(folder / "ldap.password", password + "\n", 0600);
  auto config = parse_yaml(read_file(folder / "pks-api.yml"), "pks-api.yml");
  config["ldap"] = ldap;
  write_file_atomically(folder / "pks-api.yml", to_yaml(config), 0600);
}

// A lab whose API knows the directory.
struct DirectoryLab {
  Slapd slapd;
  Lab lab;
  DirectoryLab() { use(settings_for(slapd)); }
  void use(const Json& settings) {
    lab.stop(SIGTERM);
    configure(lab, settings, slapd.ca_pem(), Slapd::searcher_password);
    lab.start();
  }
};

}  // namespace

TEST_CASE("users of an LDAP directory have the scopes and groups that the directory gives them") {
  DirectoryLab f;
  f.lab.add_user("local", {"pks.clusters.admin"});
  auto alana = f.lab.user();
  REQUIRE(alana.log_in("alana", "alana-secret").exit_code == 0);
  CHECK(alana.pks(create("hers")).exit_code == 0);
  auto naomi = f.lab.user();
  REQUIRE(naomi.log_in("naomi", "naomi-secret").exit_code == 0);
  CHECK(naomi.json({"clusters"}).size() == 1);
  // The directory takes ALANA for alana: it is one user, with one quota.
  auto shouted = f.lab.user();
  REQUIRE(shouted.log_in("ALANA", "alana-secret").exit_code == 0);
  CHECK(shouted.json({"clusters"}).size() == 1);
  CHECK(naomi.pks(create("none", false)).exit_code == 1);
  auto plain = f.lab.user();
  CHECK(plain.log_in("plain", "plain-secret").exit_code == 0);
  CHECK(plain.pks({"clusters"}).exit_code == 1);
  CHECK(f.lab.user().log_in("local", "local-password").exit_code == 0);  // those of the store are there as before

  // A name that the store has is the store's alone, and tokens of the other one are void.
  f.lab.add_user("naomi", {"pks.clusters.manage"});
  CHECK(naomi.pks({"clusters"}).exit_code == 1);
  CHECK(f.lab.user().log_in("naomi", "naomi-secret").exit_code == 1);
  CHECK(f.lab.user().log_in("NAOMI", "naomi-secret").exit_code == 1);

  // Who has left a group has no more of it than an access token lasts.
  f.slapd.stop();
  f.slapd.replace_group("operators", "plain");
  f.slapd.start();
  auto stale = alana.creds();
  stale["access_token"] = "none";
  alana.set_creds(stale);
  CHECK(alana.pks({"clusters"}).exit_code == 1);
  CHECK_FALSE(contains(f.lab.log() + read_file(fs::path(f.lab.folder()) / "state/audit.log"), "-secret"));
}

TEST_CASE("a directory without TLS is asked over StartTLS") {
  DirectoryLab f;
  auto settings = settings_for(f.slapd);
  settings["url"] = f.slapd.start_tls_url();
  f.use(settings);
  CHECK(f.lab.user().log_in("alana", "alana-secret").exit_code == 0);
  CHECK(f.lab.user().log_in("alana", "naomi-secret").exit_code == 1);
}

TEST_CASE("a wrong, empty or strange password, and a name that is a filter, open nothing") {
  DirectoryLab f;
  const auto refused = [&](const std::string& name, const std::string& password) {
    INFO(name);
    const auto result = f.lab.user().log_in(name, password);
    CHECK(result.exit_code == 1);
    CHECK(contains(result.standard_error, "Bad credentials"));
  };
  refused("alana", "naomi-secret");
  refused("alana", "alana-secret ");
  refused("nobody", "nobody-secret");
  refused("twin", "twin-secret");  // which of the two?
  refused("*", "alana-secret");
  refused("ala*", "alana-secret");
  refused("alana)(uid=*", "alana-secret");
  refused("*)(|(uid=alana)", "alana-secret");
  refused("cn=alana,ou=people,dc=lab", "alana-secret");
  refused(std::string(5000, 'a'), "alana-secret");
  const auto with = [&](const std::string& form) {
    http::ClientConfig config;
    config.base_url = f.lab.identity_url();
    config.ca_pem = read_file(fs::path(f.lab.folder()) / "ca.crt");
    http::ClientRequest request{.method = "POST", .target = "/oauth/token"};
    request.headers["Content-Type"] = "application/x-www-form-urlencoded";
    request.body = "grant_type=password&client_id=pks_cli&" + form;
    return http::Client(config).send(request).status;
  };
  CHECK(with("username=alana&password=") == 401);  // such a bind succeeds at the directory
  CHECK(with("username=alana%00&password=alana-secret") == 401);
  CHECK(with("username=alana&password=alana-secret%00") == 401);
  CHECK(with("username=plain&password=plain-secret") == 200);
}

TEST_CASE("a directory that is away, another one or not to be searched says so, and users of the store log in") {
  DirectoryLab f;
  f.lab.add_user("local", {"pks.clusters.admin"});
  const auto unavailable = [&] {
    const auto result = f.lab.user().log_in("alana", "alana-secret");
    CHECK(result.exit_code == 1);
    CHECK(contains(result.standard_error, "cannot be looked up right now"));
    CHECK(f.lab.user().log_in("local", "local-password").exit_code == 0);
  };
  SUBCASE("away, and back") {
    f.slapd.stop();
    unavailable();
    f.slapd.start();
    CHECK(f.lab.user().log_in("alana", "alana-secret").exit_code == 0);
  }
  SUBCASE("with a certificate of another CA") {
    f.lab.stop(SIGTERM);
    configure(f.lab, settings_for(f.slapd), f.lab.director.ca_pem(), Slapd::searcher_password);
    f.lab.start();
    unavailable();
  }
  SUBCASE("with another password for the search") {
    f.lab.stop(SIGTERM);
    configure(f.lab, settings_for(f.slapd), f.slapd.ca_pem(), "other");
    f.lab.start();
    unavailable();
    CHECK(contains(f.lab.log(), "logging in as ldap.bind_dn"));
  }
}

TEST_CASE("settings of a directory that cannot be meant are refused before anything listens") {
  Slapd slapd;
  Lab lab;
  const auto refused = [&](const std::string& key, const Json& value, const std::string& part) {
    auto settings = settings_for(slapd);
    settings[key] = value;
    configure(lab, settings, slapd.ca_pem(), Slapd::searcher_password);
    INFO(key);
    CHECK_THROWS_WITH_AS(lab.api_program({"--check-config"}), doctest::Contains(part.c_str()), Error);
  };
  refused("url", "http://127.0.0.1", "expected is ldaps://HOST:PORT");
  refused("bind_dn", "", "ldap.bind_dn is missing");
  refused("user_filter", "(uid=*)", "has no {username}");
  refused("group_filter", "(cn=*)", "has no {dn}");
  refused("scopes", {{"operators", {"root"}}}, "scope 'root' is unknown");
  refused("ca_file", "none.crt", "none.crt");
}

}  // namespace slipway::cli::ldap_test
