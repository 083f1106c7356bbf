#include <doctest/doctest.h>

#include <algorithm>

#include "base/file.hpp"
#include "test/kubernetes/cluster_lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

Json as_node(ClusterLab& lab, const Json& worker, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"/var/vcap/packages/kubectl/bin/kubectl",
                                   "--kubeconfig=/var/vcap/data/kubelet/kubeconfig"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const auto outcome = lab.on(worker, argv);
  return {{"code", outcome.exit_code}, {"said", outcome.out + outcome.err}};
}

}  // namespace

TEST_CASE("a node's bootstrap token is gone once the node is ready, and its certificate is its own") {
  auto& lab = ClusterLab::the_one();
  lab.wait_until("all tokens are gone", [&] {
    return lab.objects({"secrets", "--namespace=kube-system", "--selector=slipway.io/bootstrap-token"})
        .empty();
  });
  for (const auto& worker : lab.instances("worker")) {
    const auto refused =
        lab.on(worker, {"/var/vcap/packages/kubectl/bin/kubectl",
                        "--kubeconfig=/var/vcap/jobs/kubelet/config/bootstrap-kubeconfig", "auth", "whoami"});
    CHECK_MESSAGE(contains(refused.out + refused.err, "nauthorized"), refused.out, refused.err);
    const auto name = "worker-" + std::to_string(worker.at("index").get<int>());
    const auto who = as_node(lab, worker, {"auth", "whoami", "--output=json"});
    CHECK_MESSAGE(contains(who.at("said"), "system:node:" + name), who.dump());
  }
}

TEST_CASE("a node may change its own object and neither another's nor read secrets that no pod of it uses") {
  auto& lab = ClusterLab::the_one();
  const auto workers = lab.instances("worker");
  REQUIRE(workers.size() == 2);
  const auto own = "worker-" + std::to_string(workers[0].at("index").get<int>());
  const auto other = "worker-" + std::to_string(workers[1].at("index").get<int>());
  CHECK(
      as_node(lab, workers[0], {"annotate", "--overwrite", "node", own, "slipway.io/tried=yes"}).at("code") ==
      0);
  CHECK(contains(as_node(lab, workers[0], {"annotate", "node", other, "slipway.io/tried=yes"}).at("said"),
                 "orbidden"));
  CHECK(contains(
      as_node(lab, workers[0], {"label", "node", own, "node-restriction.kubernetes.io/x=y"}).at("said"),
      "orbidden"));
  CHECK(contains(as_node(lab, workers[0], {"get", "secrets", "--all-namespaces"}).at("said"), "orbidden"));
}

TEST_CASE("a request for another node's certificate is refused, and one of somebody else stays unanswered") {
  auto& lab = ClusterLab::the_one();
  const auto worker = lab.instances("worker").at(0);
  const auto other = "worker-" + std::to_string(1 - worker.at("index").get<int>());
  const std::string script =
      "openssl req -new -newkey rsa:2048 -nodes -keyout /dev/null -subj /O=system:nodes/CN=system:node:" +
      other +
      " -out \"$0/wrong.csr\" 2> /dev/null && "
      "printf 'apiVersion: certificates.k8s.io/v1\\nkind: CertificateSigningRequest\\nmetadata: {name: "
      "wrong}\\n"
      "spec:\\n  signerName: kubernetes.io/kube-apiserver-client-kubelet\\n  usages: [client auth]\\n"
      "  request: %s\\n' \"$(base64 -w0 \"$0/wrong.csr\")\" > \"$0/wrong.yml\"";
  lab.must_on(worker, {"/bin/sh", "-c", script, "/tmp"});
  CHECK(contains(as_node(lab, worker, {"create", "--filename=/tmp/wrong.yml"}).at("said"), "orbidden"));

  const auto folder = (lab.state() / "kubernetes").string();
  lab.must_in_lab({"/bin/sh", "-c", script, folder});
  lab.must_kubectl({"create", "--filename=" + folder + "/wrong.yml"});
  const auto log = "/var/vcap/sys/log/node-admission/node-admission.stderr.log";
  const auto master = lab.instances("master").at(0);
  lab.wait_until("node-admission has seen it",
                 [&] { return contains(lab.on(master, {"/bin/grep", "wrong", log}).out, "unanswered"); });
  CHECK(lab.must_kubectl({"get", "csr", "wrong", "--output=jsonpath={.status}"}) == "{}");
  lab.must_kubectl({"delete", "csr", "wrong"});
}

TEST_CASE("nobody without a name reads anything but whether the API lives") {
  auto& lab = ClusterLab::the_one();
  const auto ask = [&](const std::string& path) {
    return lab
        .in_lab({"/usr/bin/curl", "--silent", "--insecure", "--output", "/dev/null", "--write-out",
                 "%{http_code}", "https://kubernetes.lab:8443" + path})
        .out;
  };
  CHECK(ask("/livez") == "200");
  CHECK(ask("/version") == "401");
  CHECK(ask("/api/v1/namespaces/kube-system/secrets") == "401");
}

TEST_CASE("secrets lie sealed in etcd, and the audit log tells who touched them without what they hold") {
  auto& lab = ClusterLab::the_one();
  lab.must_kubectl({"create", "secret", "generic", "sealed", "--from-literal=word=opensesame"});
  const auto master = lab.instances("master").at(0);
  const auto stored =
      lab.must_on(master, {"/var/vcap/jobs/etcd/bin/etcdctl", "get", "/registry/secrets/default/sealed"});
  CHECK(contains(stored, "k8s:enc:secretbox:v1:"));
  CHECK_FALSE(contains(stored, "opensesame"));
  const auto audit = lab.must_on(master, {"/bin/grep", "secrets/sealed\\|\"name\":\"sealed\"",
                                          "/var/vcap/sys/log/kube-apiserver/audit.log"});
  CHECK(contains(audit, "kubernetes-admin"));
  CHECK_FALSE(contains(audit, "opensesame"));
  CHECK_FALSE(contains(audit, "b3BlbnNlc2FtZQ"));
}

TEST_CASE("a pod that wants the machine is refused in a tenant's namespace") {
  auto& lab = ClusterLab::the_one();
  const auto refused =
      lab.kubectl({"run", "greedy", "--image=slipway.local/tools:1",
                   "--overrides={\"spec\":{\"hostNetwork\":true,\"hostPID\":true}}", "--", "sleep", "1"});
  CHECK(refused.exit_code != 0);
  CHECK_MESSAGE(contains(refused.err, "violates PodSecurity"), refused.err);
}
