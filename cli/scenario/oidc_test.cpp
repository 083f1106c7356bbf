#include <doctest/doctest.h>

#include <signal.h>

#include <filesystem>
#include <future>
#include <set>

#include "base/digest.hpp"
#include "base/yaml.hpp"
#include "cli/scenario/fake_kubernetes.hpp"
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
  void allow_clusters() {
    lab.stop(SIGTERM);
    configure("cluster_client", "clusters");
    lab.start();
  }
  // What a cluster of the lab believes once it was made.
  void teach(FakeKubernetes& kubernetes) {
    kubernetes.believe(lab.director.manifest_of_only_deployment()
                           .at("instance_groups")[0]
                           .at("jobs")[0]
                           .at("properties")
                           .at("oidc")
                           .at("external"));
  }
  void be_logged_in(const std::string& name, const Json& groups,
                    std::chrono::seconds lifetime = std::chrono::hours(1)) {
    issuer.be_logged_in({{"preferred_username", name}, {"groups", groups}}, key, lifetime);
  }
  ProcessResult log_in(const User& user) const {
    const auto api = lab.logged_in("admin").creds().at("api").get<std::string>();
    return user.pks({"login", "-a", api, "--ca-cert", lab.folder() + "/ca.crt", "--sso"});
  }
  std::string token(const std::string& name, const Json& groups, const pks::TestKey& signer) const {
    auto claims = issuer.claims("7f3a", "pks", clock.now());
    claims["preferred_username"] = name;
    claims["groups"] = groups;
    return signer.sign(claims);
  }
  User with(const std::string& access_token) const {
    auto user = lab.logged_in("admin");
    auto creds = user.creds();
    creds.erase("refresh_token");
    creds["access_token"] = access_token;
    user.set_creds(creds);
    return user;
  }
};

// What kubectl runs by a kubeconfig.
ProcessSpec exec_of(const User& user) {
  const auto exec = user.kubeconfig().at("users")[0].at("user").at("exec");
  ProcessSpec spec;
  spec.argv = {exec.at("command").get<std::string>()};
  for (const auto& word : exec.at("args")) spec.argv.push_back(word.get<std::string>());
  for (const auto& variable : exec.at("env"))
    spec.env[variable.at("name").get<std::string>()] = variable.at("value").get<std::string>();
  spec.timeout = std::chrono::seconds(60);
  return spec;
}

std::string cluster_token(const User& user) {
  const auto credential = parse_json(run_checked(exec_of(user)), "ExecCredential");
  CHECK(credential.at("kind") == "ExecCredential");
  CHECK(credential.at("apiVersion") == "client.authentication.k8s.io/v1");
  CHECK_NOTHROW(parse_rfc3339(credential.at("status").at("expirationTimestamp").get<std::string>()));
  return credential.at("status").at("token").get<std::string>();
}

http::ClientResponse whoami(const FakeKubernetes& kubernetes, const User& user, const std::string& token) {
  http::ClientConfig client;
  client.base_url = kubernetes.url();
  client.ca_pem = base64_decode(
      user.kubeconfig().at("clusters")[0].at("cluster").at("certificate-authority-data").get<std::string>());
  return http::Client(client).send({.target = "/whoami", .headers = {{"Authorization", "Bearer " + token}}});
}

struct ClusterLab : IssuerLab {
  FakeKubernetes kubernetes{lab.director.cluster_ca(), lab.identity_url() + "/oauth/token",
                            read_file(fs::path(lab.folder()) / "ca.crt")};
  User naomi = lab.user();

  // A cluster of the admin, and a user of the issuer without a right over clusters.
  ClusterLab() {
    allow_clusters();
    REQUIRE(lab.logged_in("admin").pks(create("demo", true, "kube")).exit_code == 0);
    teach(kubernetes);
    be_logged_in("naomi", {"developers"});
    const auto said = log_in(naomi);
    INFO(said.standard_error);
    REQUIRE(said.exit_code == 0);
    CHECK(contains(said.standard_error, "Log in at " + issuer.url() + "/device\nThe code there is WDJB-MJHT\n"));
    CHECK(contains(said.standard_output, "User: oidc:naomi"));
  }
};

}  // namespace

TEST_CASE("a user of the external issuer logs in to a cluster as somebody whom no user of the API can be") {
  ClusterLab f;
  f.lab.add_user("naomi", {}, {"developers"});
  const auto said = f.naomi.pks({"get-kubeconfig", "demo", "--sso"});
  INFO(said.standard_error);
  REQUIRE(said.exit_code == 0);
  CHECK(contains(said.standard_output, "You can now use the kubeconfig for user external:naomi"));
  const auto token = cluster_token(f.naomi);
  const auto known = whoami(f.kubernetes, f.naomi, token);
  CHECK(known.status == 200);
  CHECK(known.json() == Json{{"user", "external:naomi"}, {"groups", {"external:developers"}}});
  if (fs::exists(kubectl)) {
    const auto result = run_kubectl(f.naomi, f.kubernetes);
    INFO(result.standard_error);
    CHECK(contains(result.standard_output, "external:naomi"));
  }
  // What a cluster sees opens no API, and what the API sees no cluster.
  CHECK(f.with(token).call("GET", "/v1/clusters").status == 401);
  CHECK(whoami(f.kubernetes, f.naomi, f.naomi.creds().at("access_token").get<std::string>()).status == 401);
  CHECK(f.naomi.call("GET", "/v1/clusters").status == 403);
  CHECK(f.naomi.call("POST", "/v1/clusters/demo/binds").status == 403);
  CHECK(f.naomi.call("GET", "/v1/clusters/demo/binds/naomi").status == 403);
  CHECK(f.naomi.call("GET", "/v1/clusters/demo/binds/oidc%3Anaomi").status == 200);
  // A second cluster asks nobody to log in once more.
  REQUIRE(f.lab.logged_in("admin").pks(create("more", true, "kube")).exit_code == 0);
  const auto more = f.naomi.pks({"get-kubeconfig", "more", "--sso"});
  CHECK(more.exit_code == 0);
  CHECK(more.standard_error.empty());
  for (const auto& file : fs::directory_iterator(f.naomi.home() / "issuers"))
    CHECK((file.status().permissions() & (fs::perms::group_all | fs::perms::others_all)) == fs::perms::none);
  CHECK_FALSE(contains(f.lab.log() + read_file(fs::path(f.lab.folder()) / "state/audit.log"), token));
}

TEST_CASE("a cluster that was made before learns of the external issuer by an upgrade, which is for nothing else") {
  IssuerLab f;
  const auto admin = f.lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "kube")).exit_code == 0);
  const std::vector<std::string> upgrade = {"upgrade-cluster", "demo", "--wait", "--non-interactive"};
  const auto before = admin.pks(upgrade);
  CHECK(before.exit_code == 1);
  CHECK(contains(before.standard_error, "up to date"));
  f.allow_clusters();
  const auto said = admin.pks(upgrade);
  INFO(said.standard_error);
  CHECK(said.exit_code == 0);
  CHECK(contains(said.standard_output + said.standard_error, "plan: ((oidc)) has changed"));
  const auto oidc = f.lab.director.manifest_of_only_deployment()
                        .at("instance_groups")[0]
                        .at("jobs")[0]
                        .at("properties")
                        .at("oidc");
  CHECK(oidc.at("issuer_url") == f.lab.identity_url() + "/oauth/token");
  CHECK(oidc.at("external") == Json{{"issuer_url", f.issuer.url()},
                                    {"client_id", "clusters"},
                                    {"username_claim", "preferred_username"},
                                    {"username_prefix", "external:"},
                                    {"groups_claim", "groups"},
                                    {"groups_prefix", "external:"},
                                    {"ca", f.issuer.ca_pem()}});
  CHECK(contains(admin.pks(upgrade).standard_error, "up to date"));
}

TEST_CASE("what kubectl runs renews a token by itself, once for all who ask, until the issuer ends the session") {
  ClusterLab f;
  f.be_logged_in("naomi", {"developers"}, std::chrono::seconds(5));
  REQUIRE(f.naomi.pks({"get-kubeconfig", "demo", "--sso"}).exit_code == 0);
  const auto first = cluster_token(f.naomi);
  CHECK(f.issuer.refreshes() == 1);
  f.be_logged_in("naomi", {"developers", "leads"});
  std::vector<std::future<std::string>> asking;
  for (int i = 0; i < 4; ++i) asking.push_back(std::async(std::launch::async, [&] { return cluster_token(f.naomi); }));
  std::set<std::string> tokens;
  for (auto& one : asking) tokens.insert(one.get());
  CHECK(tokens.size() == 1);
  CHECK(f.issuer.refreshes() == 2);
  CHECK(tokens.count(first) == 0);
  CHECK(whoami(f.kubernetes, f.naomi, *tokens.begin()).json().at("groups").size() == 2);

  // The session at the API is another one, and is renewed the same way.
  auto creds = f.naomi.creds();
  creds["access_token"] = "none";
  f.naomi.set_creds(creds);
  CHECK(f.naomi.pks({"get-kubeconfig", "demo", "--sso"}).exit_code == 0);
  CHECK(f.issuer.refreshes() == 3);

  f.be_logged_in("naomi", {"developers"}, std::chrono::seconds(5));
  f.issuer.end_sessions();
  fs::remove_all(f.naomi.home() / "issuers");
  REQUIRE(f.naomi.pks({"get-kubeconfig", "demo", "--sso"}).exit_code == 0);
  f.issuer.end_sessions();
  const auto over = run(exec_of(f.naomi));
  CHECK(over.exit_code == 1);
  CHECK(contains(over.standard_error, "the session of external:naomi at " + f.issuer.url() + " is over; log in again"));
  f.issuer.be_away(true);
  CHECK(run(exec_of(f.naomi)).exit_code == 1);
}

TEST_CASE("whoever says no at the issuer, or is another one there, gets no kubeconfig") {
  ClusterLab f;
  const auto refused = [&](const User& user, const std::vector<std::string>& words, const std::string& part) {
    const auto said = user.pks(words);
    INFO(said.standard_error);
    CHECK(said.exit_code != 0);
    CHECK(contains(said.standard_error, part));
    CHECK_FALSE(fs::exists(user.home() / ".kube"));
  };
  const std::vector<std::string> by_issuer = {"get-kubeconfig", "demo", "--sso"};
  f.be_logged_in("alana", {"developers"});
  refused(f.naomi, by_issuer, "At the issuer you are external:alana, and at the API external:naomi");
  f.issuer.be_logged_in({}, f.key, {});
  refused(f.naomi, by_issuer, "the issuer says no: access_denied");
  f.issuer.be_logged_in({{"groups", {"developers"}}}, f.key, std::chrono::hours(1));
  refused(f.naomi, by_issuer, "has no text 'preferred_username'");
  refused(f.lab.logged_in("admin"), by_issuer, "no user of an external issuer");
  refused(f.lab.user(), by_issuer, "You are not logged in");
  refused(f.naomi, {"get-kubeconfig", "demo"}, "either --username or --sso is needed");
  refused(f.naomi, {"get-kubeconfig", "demo", "--sso", "-a", "elsewhere"}, "and not with --api");
  refused(f.naomi, {"cluster-token", "--issuer", f.issuer.url(), "--client-id", "clusters", "--user", "external:naomi"},
          "is over; log in again");
}

TEST_CASE("where clusters do not know the external issuer, its users are told what is missing") {
  IssuerLab f;
  const auto admin = f.lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "kube")).exit_code == 0);
  f.be_logged_in("naomi", Json::array());
  const auto naomi = f.lab.user();
  REQUIRE(f.log_in(naomi).exit_code == 0);
  const auto said = naomi.pks({"get-kubeconfig", "demo", "--sso"});
  CHECK(said.exit_code == 1);
  CHECK(contains(said.standard_error, "the operator has set no external_issuer.cluster_client"));
  Lab other;
  const auto api = other.logged_in("admin").creds().at("api").get<std::string>();
  const auto none = naomi.pks({"login", "-a", api, "--ca-cert", other.folder() + "/ca.crt", "--sso"});
  CHECK(none.exit_code == 1);
  CHECK(contains(none.standard_error, "takes no users of an external issuer"));
}

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
  refused("url", f.lab.identity_url() + "/oauth/token/", f.issuer.url(), "as oidc.issuer_url is");
  refused("cluster_client", "pks", "", "external_issuer.cluster_client is 'pks', as external_issuer.audience is");
  refused("cluster_client", "((secret))", "", "external_issuer.cluster_client is '((secret))', allowed are");
  refused("user_claim", "", "sub", "external_issuer.user_claim is ''");
  refused("groups_claim", "two words", "groups", "external_issuer.groups_claim is 'two words'");
  write_file_atomically(fs::path(f.lab.folder()) / "empty.crt", "", 0600);
  refused("ca_file", "empty.crt", "issuer-ca.crt", "external_issuer.ca_file");
  refused("user_clam", "sub", "sub", "user_clam");
}

}  // namespace slipway::cli::oidc_test
