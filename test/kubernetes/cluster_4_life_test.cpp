#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "test/kubernetes/cluster_lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

std::size_t entries(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder)) return 0;
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

std::string node_of(const Json& worker) { return "worker-" + std::to_string(worker.at("index").get<int>()); }

}  // namespace

TEST_CASE("pods move before a worker's VM is made anew, and it comes back as the same node") {
  auto& lab = ClusterLab::the_one();
  const auto worker = lab.instances("worker").at(0);
  lab.must_kubectl({"create", "deployment", "moved", "--image=slipway.local/tools:1", "--replicas=2", "--",
                    "sleep", "100000"});
  lab.must_kubectl({"rollout", "status", "deployment/moved", "--timeout=120s"});
  lab.director_task(
      "PUT", "/deployments/kubernetes/jobs/worker/" + worker.at("id").get<std::string>() + "?state=recreate");
  const auto after = lab.instances("worker");
  const auto same = std::find_if(after.begin(), after.end(),
                                 [&](const Json& other) { return other.at("id") == worker.at("id"); });
  REQUIRE(same != after.end());
  CHECK(same->at("cid") != worker.at("cid"));
  CHECK(
      lab.must_kubectl({"get", "node", node_of(worker), "--output=jsonpath={.spec.unschedulable}"}).empty());
  lab.must_kubectl({"wait", "node", "--all", "--for=condition=Ready", "--timeout=60s"});
  lab.must_kubectl({"rollout", "status", "deployment/moved", "--timeout=120s"});
  const auto said = lab.must_on(*same, {"/bin/ls", "/var/vcap/data/kubelet/pki"});
  CHECK(said.find("kubelet-client-current.pem") != std::string::npos);
  // Else its token would have waited until the masters noticed.
  const auto goodbye = lab.on(lab.instances("master").at(0),
                              {"/bin/grep", "--quiet", "system:node:" + node_of(worker) + ".*\"VmDeleted\"",
                               "/var/vcap/sys/log/kube-apiserver/audit.log"});
  CHECK(goodbye.exit_code == 0);
}

TEST_CASE("the API is there again after its master's VM was made anew, at the same name, with all objects") {
  auto& lab = ClusterLab::the_one();
  const auto master = lab.instances("master").at(0);
  lab.must_kubectl({"create", "configmap", "kept", "--from-literal=word=through everything"});
  lab.director_task(
      "PUT", "/deployments/kubernetes/jobs/master/" + master.at("id").get<std::string>() + "?state=recreate");
  CHECK(lab.must_kubectl({"get", "configmap", "kept", "--output=jsonpath={.data.word}"}) ==
        "through everything");
  // The one before took its leave while its etcd still answered.
  CHECK(lab.objects({"leases", "--namespace=kube-system", "--selector=apiserver.kubernetes.io/identity=kube-apiserver"})
            .size() == 1);
  lab.must_kubectl({"wait", "node", "--all", "--for=condition=Ready", "--timeout=120s"});
  lab.must_kubectl({"run", "afterwards", "--image=slipway.local/tools:1", "--", "sleep", "100000"});
  lab.must_kubectl({"wait", "pod/afterwards", "--for=condition=Ready", "--timeout=60s"});
}

TEST_CASE("nothing is left of a cluster that was deleted") {
  auto& lab = ClusterLab::the_one();
  lab.director_task("DELETE", "/deployments/kubernetes?delete_disks=true");
  CHECK(lab.domains() == std::vector<std::string>{});
  CHECK(entries(lab.state() / "cpi/storage/vms") == 0);
  CHECK(entries(lab.state() / "cpi/storage/disks") == 0);
  const auto clean = lab.take_down();
  INFO(clean.out << clean.err);
  CHECK(clean.exit_code == 0);
}
