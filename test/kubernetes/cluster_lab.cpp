#include "test/kubernetes/cluster_lab.hpp"

#include <doctest/doctest.h>

#include "base/file.hpp"

namespace slipway::test {

namespace {

// The minor the release is built of when none is named.
std::string first_minor(const std::filesystem::path& root) {
  std::istringstream lines(read_file(root / "releases/kubernetes/versions"));
  const std::string prefix = "kubernetes-";
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(prefix)) return line.substr(prefix.size(), line.find(' ') - prefix.size());
  }
  FAIL("releases/kubernetes/versions names no minor of Kubernetes");
  return {};
}

}  // namespace

ClusterLab& ClusterLab::the_one() {
  static ClusterLab lab;
  return lab;
}

ClusterLab::ClusterLab() : Lab("kubernetes") {
  kubectl_ = (root() / "build/blobs" / ("kubernetes-" + first_minor(root())) / "kubernetes/kubectl").string();
  must({"stemcells/builder/build"});
  must({"releases/build"});
  must({"releases/build", "kubernetes"});
  control_plane({"up", "--director-only"});
  control_plane({"upload", "etcd", "kubernetes"});
  must({"test/kubernetes/cluster", "--name", "kubernetes", "deploy", "examples/kubernetes.yml"});
  kubeconfig_ = (state() / "kubernetes/kubeconfig").string();
}

Lab::Outcome ClusterLab::kubectl(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {kubectl_, "--kubeconfig=" + kubeconfig_, "--request-timeout=60s"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return in_lab(std::move(argv));
}

std::string ClusterLab::must_kubectl(const std::vector<std::string>& arguments) {
  const auto outcome = kubectl(arguments);
  INFO("kubectl " << join_words(arguments) << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out;
}

Json ClusterLab::objects(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {"get", "--output=json"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return parse_json(must_kubectl(words), "kubectl").at("items");
}

void ClusterLab::apply(const std::string& yaml) {
  const auto file = state() / "kubernetes/object.yml";
  write_file_atomically(file, yaml);
  must_kubectl({"apply", "--filename", file.string()});
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

std::vector<Json> ClusterLab::instances(const std::string& group) {
  std::vector<Json> found;
  for (auto& instance : director("/deployments/" + std::string(deployment) + "/instances")) {
    if (instance.at("job") == group) found.push_back(instance);
  }
  return found;
}

Lab::Outcome ClusterLab::on(const Json& instance, const std::vector<std::string>& argv) {
  std::vector<std::string> words = {"/usr/bin/virsh",
                                    "--quiet",
                                    "--connect",
                                    "lxc:///system",
                                    "lxc-enter-namespace",
                                    "--noseclabel",
                                    instance.at("cid").get<std::string>(),
                                    "--"};
  words.insert(words.end(), argv.begin(), argv.end());
  return in_lab(std::move(words));
}

std::string ClusterLab::must_on(const Json& instance, const std::vector<std::string>& argv) {
  const auto outcome = on(instance, argv);
  INFO(join_words(argv) << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out;
}

}  // namespace slipway::test
