#include "test/kubernetes/masters_lab.hpp"

#include <doctest/doctest.h>

#include "base/file.hpp"

namespace slipway::test {

MastersLab& MastersLab::the_one() {
  static MastersLab lab;
  return lab;
}

MastersLab::MastersLab()
    : LabWorld("lxc", "masters"), admin_(*this, (state() / "home/.kube/config").string()) {
  const auto versions = kubernetes_versions(root());
  REQUIRE(versions.size() == 2);
  newer_ = versions[0];
  older_ = versions[1];
  must({"releases/build", "kubernetes", minor_of(newer_)});
  must({"releases/build", "kubernetes", minor_of(older_)});
  upload(older_);
  // As an operator would enter it, before the cluster is ordered.
  write_file_atomically(state() / "dns" / cluster, std::string(address) + " " + hostname + "\n");
  const auto profile = (state() / "networks.json").string();
  write_file_atomically(profile, R"({"name": "own", "parameters":
      "{\"pod_network\": \"10.60.0.0/16\", \"service_network\": \"10.70.8.0/24\"}"})");
  must_pks({"create-network-profile", profile});
  must_pks({"create-cluster", cluster, "--plan", "medium", "--external-hostname", hostname, "--network-profile", "own",
            "--wait", "--non-interactive"});
  must_pks({"get-credentials", cluster});
  deployment_ = deployment_of(cluster);
}

void MastersLab::upload(const std::string& version) {
  control_plane({"upload", "etcd", "build/releases/kubernetes-" + version + ".tgz"});
}

std::vector<Json> MastersLab::leaders() {
  auto found = masters();
  std::erase_if(found, [&](const Json& master) {
    const auto outcome =
        on_node(master.at("cid"), {"/bin/ip", "-oneline", "address", "show", "to", std::string(address) + "/32"});
    return outcome.exit_code != 0 || outcome.out.empty();
  });
  return found;
}

std::size_t MastersLab::api_addresses() {
  std::size_t count = 0;
  for (const auto& slice : admin().objects({"endpointslices", "--selector=kubernetes.io/service-name=kubernetes"}))
    count += slice.at("endpoints").size();
  return count;
}

}  // namespace slipway::test
