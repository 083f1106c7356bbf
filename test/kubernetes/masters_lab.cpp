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
  must({"releases/build", "kubernetes"});
  control_plane({"upload", "etcd", "kubernetes"});
  // As an operator would enter it, before the cluster is ordered.
  write_file_atomically(state() / "dns" / cluster, std::string(address) + " " + hostname + "\n");
  must_pks({"create-cluster", cluster, "--plan", "medium", "--external-hostname", hostname, "--wait",
            "--non-interactive"});
  must_pks({"get-credentials", cluster});
  deployment_ = deployment_of(cluster);
}

std::vector<Json> MastersLab::leaders() {
  auto found = masters();
  std::erase_if(found, [&](const Json& master) {
    const auto outcome =
        run_on(*this, master, {"/bin/ip", "-oneline", "address", "show", "to", std::string(address) + "/32"});
    return outcome.exit_code != 0 || outcome.out.empty();
  });
  return found;
}

}  // namespace slipway::test
