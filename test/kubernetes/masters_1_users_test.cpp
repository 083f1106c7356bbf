#include <doctest/doctest.h>

#include "base/file.hpp"
#include "test/kubernetes/masters_lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

constexpr const char* password = "naomis-own-password";

// A user of pks-api without a right over clusters, in a group that clusters are told of.
void add_naomi(MastersLab& lab) {
  const std::string script =
      "printf %s \"$NAOMIS_PASSWORD\" | exec \"$0\" user add naomi --group developers --config \"$1\"";
  const auto control = lab.state() / "control";
  const auto added = lab.run({"test/lab/lab", "--name", "masters", "exec", "--user", "slipway", "/bin/bash",
                              "-c", script, (lab.root() / "build/release/bin/slipway-pks-api").string(),
                              (control / "pks-api/pks-api.yml").string()},
                             {{"NAOMIS_PASSWORD", password}});
  INFO(added.out << added.err);
  REQUIRE(added.exit_code == 0);
}

// `pks get-kubeconfig` on a machine where nobody else's session or kubeconfig is.
Kubectl log_in_as_naomi(MastersLab& lab) {
  const auto home = lab.state() / "home/naomi";
  const auto ca = (lab.state() / "control/pks-api/ca.crt").string();
  lab.must_in_lab({(lab.root() / "build/release/bin/pks").string(), "get-kubeconfig", MastersLab::cluster,
                   "--username", "naomi", "--api", "https://10.77.0.1:9021", "--ca-cert", ca},
                  {{"PKS_HOME", (home / ".pks").string()},
                   {"KUBECONFIG", (home / "kubeconfig").string()},
                   {"PKS_USER_PASSWORD", password}});
  return {lab, (home / "kubeconfig").string()};
}

}  // namespace

TEST_CASE("a cluster of plan medium has three masters behind one address, and three ready workers") {
  auto& lab = MastersLab::the_one();
  CHECK(lab.masters().size() == 3);
  CHECK(lab.leaders().size() == 1);
  lab.admin().must({"wait", "node", "--all", "--for=condition=Ready", "--timeout=120s"});
  const auto nodes = lab.admin().objects({"nodes"});
  CHECK(nodes.size() == 3);
  for (const auto& node : nodes)
    CHECK(node.at("status").at("nodeInfo").at("kubeletVersion") == "v" + lab.older());
  const auto server =
      lab.admin().must({"config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}"});
  CHECK(server == std::string("https://") + MastersLab::hostname + ":8443");
}

TEST_CASE("pods, services and names of a cluster are in the networks of its profile") {
  auto& lab = MastersLab::the_one();
  auto& admin = lab.admin();
  CHECK(admin.must({"get", "service", "kubernetes", "--output=jsonpath={.spec.clusterIP}"}) == "10.70.8.1");
  for (const auto& pod : admin.objects({"pods", "--namespace=kube-system", "--selector=k8s-app=kube-dns"}))
    CHECK(pod.at("status").at("podIP").get<std::string>().starts_with("10.60."));
  admin.must({"run", "asks", "--image=slipway.local/tools:1", "--restart=Never", "--command", "--", "nslookup",
              "kubernetes.default.svc.cluster.local"});
  admin.must({"wait", "pod/asks", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s"});
  const auto answer = admin.must({"logs", "asks"});
  CHECK_MESSAGE(contains(answer, "10.70.8.10"), answer);  // who answered
  CHECK_MESSAGE(contains(answer, "10.70.8.1\n"), answer);
  admin.must({"delete", "pod", "asks"});
}

TEST_CASE(
    "a user of pks-api is known to the cluster by name and group, and may do there what is bound to them") {
  auto& lab = MastersLab::the_one();
  add_naomi(lab);
  auto naomi = log_in_as_naomi(lab);
  // The API asks the issuer for its keys at its own time.
  lab.wait_until("the cluster knows her", [&] { return naomi.run({"auth", "whoami"}).exit_code == 0; });
  const auto who = naomi.must({"auth", "whoami", "--output=json"});
  CHECK_MESSAGE(contains(who, "oidc:naomi"), who);
  CHECK_MESSAGE(contains(who, "oidc:developers"), who);

  const auto before = naomi.run({"get", "pods"});
  CHECK(before.exit_code != 0);
  CHECK_MESSAGE(contains(before.err, "User \"oidc:naomi\" cannot list resource \"pods\""), before.err);

  lab.admin().must({"create", "rolebinding", "developers", "--clusterrole=edit", "--group=oidc:developers"});
  naomi.must({"create", "configmap", "hers", "--from-literal=word=hers"});
  CHECK(contains(naomi.must({"get", "configmap", "hers", "--output=yaml"}), "word: hers"));
  CHECK(contains(naomi.run({"get", "secrets", "--namespace=kube-system"}).err, "orbidden"));
  CHECK(contains(naomi.run({"get", "nodes"}).err, "orbidden"));

  lab.admin().must({"delete", "rolebinding", "developers"});
  CHECK(contains(naomi.run({"get", "configmap", "hers"}).err, "orbidden"));
}

TEST_CASE("a kubeconfig whose token was tampered with opens nothing") {
  auto& lab = MastersLab::the_one();
  auto naomi = log_in_as_naomi(lab);
  const auto forged = lab.state() / "home/naomi/forged";
  auto config = parse_json(naomi.must({"config", "view", "--raw", "--output=json"}), "kubeconfig");
  auto& user = config.at("users").at(0).at("user");
  auto token = user.at("auth-provider").at("config").at("id-token").get<std::string>();
  token[token.rfind('.') + 5] ^= 1;  // of the signature
  user = {{"token", token}};
  write_file_atomically(forged, dump(config), 0600);
  const auto refused = Kubectl(lab, forged.string()).run({"auth", "whoami"});
  CHECK(refused.exit_code != 0);
  CHECK_MESSAGE(contains(refused.err, "nauthorized"), refused.err);
}
