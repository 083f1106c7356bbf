#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "test/kubernetes/cluster_lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

// Two pods that serve what they wrote into their own log, on different nodes if possible.
constexpr const char* web = R"(
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}
      containers:
      - name: web
        image: slipway.local/tools:1
        command: [sh, -c, "mkdir /tmp/www && hostname > /tmp/www/index.html && echo started && exec httpd -f -p 8080 -h /tmp/www"]
        readinessProbe: {httpGet: {path: /index.html, port: 8080}, periodSeconds: 1}
)";

constexpr const char* keeper = R"(
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: kept}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: keeper}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: keeper
    image: slipway.local/tools:1
    command: [sleep, "100000"]
    volumeMounts: [{name: kept, mountPath: /kept}]
  volumes: [{name: kept, persistentVolumeClaim: {claimName: kept}}]
)";

std::string trimmed(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  return text;
}

bool is_ready(const Json& node) {
  for (const auto& condition : node.at("status").at("conditions")) {
    if (condition.at("type") == "Ready") return condition.at("status") == "True";
  }
  return false;
}

Json web_pods(ClusterLab& lab) {
  return lab.objects({"pods", "--selector=app=web", "--field-selector=status.phase=Running"});
}

std::string name_of(const Json& object) { return object.at("metadata").at("name").get<std::string>(); }

std::vector<std::string> names_of(const Json& pods) {
  std::vector<std::string> names;
  for (const auto& pod : pods) names.push_back(name_of(pod));
  std::sort(names.begin(), names.end());
  return names;
}

// Asks again and again who answers; every one of `names` must.
void check_all_answer(ClusterLab& lab, const std::vector<std::string>& argv,
                      const std::vector<std::string>& names) {
  std::vector<std::string> missing = names;
  for (int tries = 0; tries < 40 && !missing.empty(); ++tries) {
    const auto outcome = lab.in_lab(argv);
    std::erase(missing, trimmed(outcome.out));
  }
  CHECK_MESSAGE(missing.empty(), join_words(argv), " was never answered by ", join_words(missing));
}

}  // namespace

TEST_CASE("every worker becomes a ready node of the version the release has") {
  auto& lab = ClusterLab::the_one();
  const auto nodes = lab.objects({"nodes"});
  REQUIRE(nodes.size() == 2);
  CHECK(names_of(nodes) == std::vector<std::string>{"worker-0", "worker-1"});
  std::string version;
  for (const auto& release : lab.director("/releases")) {
    if (release.at("name") == "kubernetes") version = release.at("release_versions").at(0).at("version");
  }
  for (const auto& node : nodes) {
    CHECK(is_ready(node));
    CHECK(node.at("status").at("nodeInfo").at("kubeletVersion") == "v" + version);
    CHECK(node.at("metadata").at("labels").contains("topology.kubernetes.io/zone"));
  }
}

TEST_CASE(
    "pods of a deployment run on two nodes and are reached by name, by a node's port and from outside") {
  auto& lab = ClusterLab::the_one();
  lab.apply(web);
  lab.apply(web_service);
  lab.must_kubectl({"rollout", "status", "deployment/web", "--timeout=120s"});
  const auto pods = web_pods(lab);
  REQUIRE(pods.size() == 2);
  CHECK(pods[0].at("spec").at("nodeName") != pods[1].at("spec").at("nodeName"));
  const auto names = names_of(pods);
  const auto inside = [&](const std::string& url) {
    return std::vector<std::string>{
        "/bin/bash",
        "-c",
        "exec \"$0\" --kubeconfig=\"$1\" exec \"$2\" -- timeout 5 wget -q -O - \"$3\"",
        lab.kubectl_program(),
        lab.kubeconfig(),
        names[0],
        url};
  };
  check_all_answer(lab, inside("http://web/"), names);
  check_all_answer(lab, inside("http://web.default.svc.cluster.local/"), names);
  for (const auto& worker : lab.instances("worker")) {
    const auto address = worker.at("ips").at(0).get<std::string>();
    check_all_answer(lab, {"/usr/bin/curl", "--silent", "--max-time", "5", "http://" + address + ":30080/"},
                     names);
    check_all_answer(lab, inside("http://" + address + ":30080/"), names);
    CHECK(lab.must_on(worker, {"/bin/busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:30080/"})
              .find("web-") == 0);
  }
}

TEST_CASE("exec, logs and port-forward reach a pod through its node") {
  auto& lab = ClusterLab::the_one();
  const auto pods = web_pods(lab);
  REQUIRE(pods.size() == 2);
  for (const auto& pod : pods) {
    CHECK(trimmed(lab.must_kubectl({"exec", name_of(pod), "--", "hostname"})) == name_of(pod));
    CHECK(lab.must_kubectl({"logs", name_of(pod)}) == "started\n");
  }
  const std::string script =
      "\"$0\" --kubeconfig=\"$1\" port-forward \"pod/$2\" 18080:8080 > /dev/null & forward=$!; "
      "curl --silent --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:18080/; kill $forward";
  const auto outcome =
      lab.in_lab({"/bin/bash", "-c", script, lab.kubectl_program(), lab.kubeconfig(), name_of(pods[1])});
  CHECK(trimmed(outcome.out) == name_of(pods[1]));
}

TEST_CASE("a volume keeps its data over the restart of the pod that uses it") {
  auto& lab = ClusterLab::the_one();
  lab.apply(keeper);
  lab.must_kubectl({"wait", "pod/keeper", "--for=condition=Ready", "--timeout=120s"});
  lab.must_kubectl({"exec", "keeper", "--", "sh", "-c", "echo through everything > /kept/file"});
  lab.must_kubectl({"delete", "pod", "keeper", "--wait=true", "--timeout=60s"});
  lab.apply(keeper);
  lab.must_kubectl({"wait", "pod/keeper", "--for=condition=Ready", "--timeout=120s"});
  CHECK(lab.must_kubectl({"exec", "keeper", "--", "cat", "/kept/file"}) == "through everything\n");
}

TEST_CASE("names are resolved inside pods: the cluster's and the instances'") {
  auto& lab = ClusterLab::the_one();
  const auto pod = name_of(web_pods(lab).at(0));
  CHECK(lab.must_kubectl({"exec", pod, "--", "nslookup", "kubernetes.default.svc.cluster.local"})
            .find("10.100.200.1") != std::string::npos);
  // Several, each asked for both kinds of address: whether the right server is asked must be no matter of
  // chance.
  for (const std::string group : {"master", "worker"}) {
    for (const auto& instance : lab.instances(group)) {
      const auto name =
          instance.at("id").get<std::string>() + "." + group + ".default." + ClusterLab::deployment + ".bosh";
      CHECK(contains(lab.must_kubectl({"exec", pod, "--", "nslookup", name}),
                     instance.at("ips").at(0).get<std::string>()));
    }
  }
}

TEST_CASE("what nodes use is measured") {
  auto& lab = ClusterLab::the_one();
  lab.wait_until("kubectl top knows both nodes", [&] {
    const auto outcome = lab.kubectl({"top", "nodes", "--no-headers"});
    return outcome.exit_code == 0 && std::count(outcome.out.begin(), outcome.out.end(), '\n') == 2;
  });
}

TEST_CASE("the errand smoke-tests passes") {
  auto& lab = ClusterLab::the_one();
  lab.director_task("POST", "/deployments/kubernetes/errands/smoke-tests/runs", "{}");
}
