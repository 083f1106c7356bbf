#include "test/kubernetes/cluster_lab.hpp"

namespace slipway::test {

ClusterLab& ClusterLab::the_one() {
  static ClusterLab lab;
  return lab;
}

ClusterLab::ClusterLab() : Lab("kubernetes"), kubectl_(*this, (state() / "kubernetes/kubeconfig").string()) {
  must({"stemcells/builder/build"});
  must({"releases/build"});
  must({"releases/build", "kubernetes"});
  control_plane({"up", "--director-only"});
  control_plane({"upload", "etcd", "kubernetes"});
  must({"test/kubernetes/cluster", "--name", "kubernetes", "deploy", "examples/kubernetes.yml"});
}

void ClusterLab::director_task(const std::string& method, const std::string& target,
                               const std::vector<std::string>& more) {
  const std::string script = "set -euo pipefail; control=$1; . \"$2\"; shift 2; director_task \"$@\"";
  std::vector<std::string> argv = {"/bin/bash",
                                   "-c",
                                   script,
                                   "director_task",
                                   (state() / "control").string(),
                                   (root() / "test/lab/director.sh").string(),
                                   method,
                                   target};
  argv.insert(argv.end(), more.begin(), more.end());
  must_in_lab(argv);
}

}  // namespace slipway::test
