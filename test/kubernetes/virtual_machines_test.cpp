#include <doctest/doctest.h>

#include "test/kubernetes/cluster_lab.hpp"

using namespace slipway;
using namespace slipway::test;

// A master and a worker as virtual machines. Without KVM their processors are emulated, so that all takes ten times as
// long as in containers.
namespace virtual_machines_test {

constexpr const char* web = R"(
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: kept}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: web
    image: slipway.local/tools:1
    command: [sh, -c, "echo started && exec httpd -f -p 8080 -h /kept"]
    resources: {limits: {memory: 64Mi}}
    volumeMounts: [{name: kept, mountPath: /kept}]
  volumes: [{name: kept, persistentVolumeClaim: {claimName: kept}}]
)";

void start_web(ClusterLab& lab) {
  lab.apply(web);
  lab.apply(web_service);
  lab.must_kubectl({"wait", "pod/web", "--for=condition=Ready", "--timeout=600s"});
}

TEST_CASE("a master and a worker in virtual machines are a cluster as in containers") {
  ClusterLab lab({.lab = "kubernetes-vms", .virt = "qemu", .workers = 1, .deploy_minutes = 40});
  const auto nodes = lab.objects({"nodes"});
  REQUIRE(nodes.size() == 1);
  const auto& info = nodes[0].at("status").at("nodeInfo");
  // A kernel of its own.
  CHECK(info.at("kernelVersion") != lab.must_in_lab({"/usr/bin/uname", "--kernel-release"}));
  CHECK(contains(info.at("kernelVersion"), "cloud-amd64"));
  lab.must_kubectl({"wait", "node/worker-0", "--for=condition=Ready", "--timeout=60s"});

  start_web(lab);
  CHECK(lab.must_kubectl({"logs", "web"}) == "started\n");
  // Connections into a pod break on nodes so slow.
  lab.wait_until("the pod writes a file", [&] {
    return lab.kubectl({"exec", "web", "--", "sh", "-c", "echo through everything > /kept/file"}).exit_code == 0;
  });
  // Unlike in containers, cgroups are of the second version here.
  lab.wait_until("the pod's limit is that of its group", [&] {
    return lab.kubectl({"exec", "web", "--", "cat", "/sys/fs/cgroup/memory.max"}).out == std::to_string(64 << 20) + "\n";
  });
  lab.must_kubectl({"delete", "pod", "web", "--wait=true", "--timeout=120s"});
  start_web(lab);

  const auto address = lab.instances("worker").at(0).at("ips").at(0).get<std::string>();
  const std::vector<std::string> from_outside = {"/usr/bin/curl", "--silent", "--max-time", "20",
                                                 "http://" + address + ":30080/file"};
  lab.wait_until("the service is reached by the node's port",
                 [&] { return lab.in_lab(from_outside).out == "through everything\n"; });
  lab.wait_until("the service is reached by its name", [&] {
    return lab.kubectl({"exec", "web", "--", "wget", "-q", "-O", "-", "http://web.default.svc.cluster.local/file"}).out ==
           "through everything\n";
  });
  lab.director_task("POST", "/deployments/kubernetes/errands/smoke-tests/runs", "{}");
}

}  // namespace virtual_machines_test
