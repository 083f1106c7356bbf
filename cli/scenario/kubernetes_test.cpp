#include <doctest/doctest.h>

#include <signal.h>

#include "base/digest.hpp"
#include "base/yaml.hpp"
#include "cli/scenario/fake_kubernetes.hpp"
#include "cli/scenario/pks_lab.hpp"
#include "pks-api/identity/tokens.hpp"

// Clusters of kind Kubernetes: what `pks` puts into a kubeconfig opens the cluster's API, and nothing else
// does.

namespace slipway::cli::kubernetes_test {

namespace fs = std::filesystem;

namespace {

Json entry(const Json& list, const std::string& name) {
  for (const auto& one : list) {
    if (one.at("name") == name) return one;
  }
  FAIL("there is no entry " << name);
  return {};
}

std::string decoded(const Json& object, const char* key) {
  return base64_decode(object.at(key).get<std::string>());
}

// As kubectl would ask, with what the kubeconfig's current context says but for the address.
http::ClientResponse ask(const FakeKubernetes& kubernetes, const Json& config) {
  const auto context = entry(config.at("contexts"), config.at("current-context")).at("context");
  const auto cluster = entry(config.at("clusters"), context.at("cluster")).at("cluster");
  const auto user = entry(config.at("users"), context.at("user")).at("user");
  http::ClientConfig client;
  client.base_url = kubernetes.url();
  client.ca_pem = decoded(cluster, "certificate-authority-data");
  http::ClientRequest request{.target = "/whoami"};
  if (user.contains("client-key-data")) {
    client.client_certificate_pem = decoded(user, "client-certificate-data");
    client.client_private_key_pem = Secret(decoded(user, "client-key-data"));
  } else {
    request.headers["Authorization"] =
        "Bearer " + user.at("auth-provider").at("config").at("id-token").get<std::string>();
  }
  return http::Client(client).send(request);
}

struct KubernetesLab : Lab {
  FakeKubernetes kubernetes{director.cluster_ca(), identity_url() + "/oauth/token",
                            read_file(folder() + "/ca.crt")};
};

}  // namespace

TEST_CASE("get-credentials makes a context of kubectl that opens the cluster as its admin") {
  KubernetesLab lab;
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "kube")).exit_code == 0);
  CHECK(admin.json({"cluster", "demo"}).at("k8s_version") == "1.34.2");
  CHECK(admin.json({"cluster", "demo"}).at("kubernetes_master_ips") == Json{"10.0.0.10"});
  CHECK(lab.director.manifest_of_only_deployment()
            .at("instance_groups")[0]
            .at("jobs")[0]
            .at("properties")
            .at("oidc")
            .at("issuer_url") == lab.identity_url() + "/oauth/token");

  fs::create_directory(admin.home() / ".kube");
  write_file_atomically(
      admin.home() / ".kube/config",
      "clusters: [{name: mine, cluster: {server: 'https://mine'}}]\ncurrent-context: mine\n");
  const auto said = admin.pks({"get-credentials", "demo"});
  CHECK(said.exit_code == 0);
  CHECK(contains(said.standard_output,
                 "Fetching credentials for cluster demo.\nContext set for cluster demo.\n"));
  const auto config = admin.kubeconfig();
  CHECK(entry(config.at("clusters"), "mine").at("cluster").at("server") == "https://mine");
  CHECK(entry(config.at("clusters"), "demo").at("cluster").at("server") == "https://demo.lab:8443");
  CHECK((fs::status(admin.home() / ".kube/config").permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write));
  const auto answer = ask(lab.kubernetes, config);
  CHECK(answer.status == 200);
  CHECK(answer.json().at("user") == "kubernetes_admin");
  if (fs::exists(kubectl)) {
    const auto result = run_kubectl(admin, lab.kubernetes);
    INFO(result.standard_error);
    CHECK(contains(result.standard_output, "kubernetes_admin"));
  }
  // The admin's key is in one place only.
  lab.stop(SIGTERM);
  const auto key = lab.director.certificate("kubernetes_admin").at("private_key").get<std::string>();
  CHECK_FALSE(contains(lab.log(), key.substr(40, 40)));
  CHECK_FALSE(contains(lab.log(), base64_encode(key).substr(60, 40)));
}

TEST_CASE("get-kubeconfig lets a user without rights over clusters log in to one, as himself") {
  KubernetesLab lab;
  lab.add_user("alana", {"pks.clusters.manage"});
  lab.add_user("naomi", {}, {"developers"});
  const auto alana = lab.logged_in("alana");
  REQUIRE(alana.pks(create("hers", true, "kube")).exit_code == 0);

  const auto naomi = lab.user();
  const auto api = alana.creds().at("api").get<std::string>();
  const std::vector<std::string> words = {
      "get-kubeconfig", "hers", "-u", "naomi", "-a", api, "--ca-cert", lab.folder() + "/ca.crt"};
  const auto said = naomi.pks(words, "", {{"PKS_USER_PASSWORD", "naomi-password"}});
  INFO(said.standard_error);
  CHECK(said.exit_code == 0);
  CHECK(contains(said.standard_output, "kubectl config use-context hers"));
  CHECK_FALSE(fs::exists(naomi.home() / "creds.yml"));
  const auto answer = ask(lab.kubernetes, naomi.kubeconfig());
  CHECK(answer.status == 200);
  CHECK(answer.json() == Json{{"user", "oidc:naomi"}, {"groups", {"oidc:developers"}}});

  SUBCASE("kubectl renews an expired token by itself") {
    if (fs::exists(kubectl)) {
      auto config = naomi.kubeconfig();
      auto& provider = config.at("users")[0].at("user").at("auth-provider").at("config");
      const auto folder = fs::path(lab.folder());
      const pks::Tokens tokens("issuer", Secret(read_file(folder / "token.key")),
                               read_file(folder / "token.pub"));
      const SystemClock clock;
      provider["id-token"] =
          tokens.sign_id({lab.identity_url() + "/oauth/token", "naomi", "pks_cluster_client", "1", {}},
                         clock.now() - std::chrono::hours(1), std::chrono::seconds(600));
      CHECK(ask(lab.kubernetes, config).status == 401);
      write_file_atomically(naomi.home() / ".kube/config", to_yaml(config), 0600);
      const auto result = run_kubectl(naomi, lab.kubernetes);
      INFO(result.standard_error);
      CHECK(contains(result.standard_output, "oidc:naomi"));
    }
  }
  SUBCASE("wrong password, wrong cluster, no cluster of that kind") {
    CHECK(naomi.pks(words, "", {{"PKS_USER_PASSWORD", "guess"}}).exit_code == 1);
    auto none = words;
    none[1] = "none";
    CHECK(
        contains(naomi.pks(none, "", {{"PKS_USER_PASSWORD", "naomi-password"}}).standard_error, "not found"));
    REQUIRE(alana.pks(create("store")).exit_code == 0);
    none[1] = "store";
    CHECK(
        contains(naomi.pks(none, "", {{"PKS_USER_PASSWORD", "naomi-password"}}).standard_error, "kind etcd"));
  }
  SUBCASE("his tokens open nothing of the API, and another's kubeconfig is not given") {
    CHECK(naomi.log_in("naomi", "naomi-password").exit_code == 0);
    CHECK(naomi.call("GET", "/v1/clusters").status == 403);
    CHECK(naomi.call("POST", "/v1/clusters/hers/binds").status == 403);
    CHECK(naomi.call("GET", "/v1/clusters/hers/binds/alana").status == 403);
    CHECK(naomi.call("GET", "/v1/clusters/hers/binds/naomi").status == 200);
  }
}

TEST_CASE("a cluster that is not there yet has no credentials, and says why") {
  KubernetesLab lab;
  const auto admin = lab.logged_in("admin");
  lab.director.hold(true);
  REQUIRE(admin.pks(create("demo", false, "kube")).exit_code == 0);
  const auto early = admin.pks({"get-credentials", "demo"});
  CHECK(early.exit_code == 1);
  CHECK(contains(early.standard_error, "its last action is CREATE, in progress"));
  CHECK_FALSE(fs::exists(admin.home() / ".kube"));
  lab.director.hold(false);
}

}  // namespace slipway::cli::kubernetes_test
