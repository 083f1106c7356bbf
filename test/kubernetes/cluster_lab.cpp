#include "test/kubernetes/cluster_lab.hpp"

#include "base/file.hpp"
#include "base/yaml.hpp"

namespace slipway::test {

namespace {

// The manifest that users have, with the shape's count of workers and as much patience.
std::string manifest(const ClusterLab::Shape& shape) {
  auto manifest = parse_yaml(read_file("examples/kubernetes.yml"), "examples/kubernetes.yml");
  const int seconds = shape.deploy_minutes * 60;
  const Json patience = {{"kube-apiserver", {{"kube-apiserver", {{"start_timeout_seconds", seconds}}}}},
                         {"load-balancer", {{"load-balancer", {{"start_timeout_seconds", seconds}}}}},
                         {"containerd", {{"containerd", {{"start_timeout_seconds", seconds}}}}},
                         {"kubelet", {{"kubelet", {{"ready_timeout_seconds", seconds}}}}},
                         {"apply-addons", {{"addons", {{"timeout_seconds", seconds}}}}},
                         {"smoke-tests", {{"smoke_tests", {{"timeout_seconds", seconds}}}}}};
  for (auto& group : manifest.at("instance_groups")) {
    if (group.at("name") == "worker") group["instances"] = shape.workers;
    for (auto& job : group.at("jobs")) {
      const auto wanted = patience.find(job.at("name").get<std::string>());
      if (wanted != patience.end()) job["properties"].merge_patch(*wanted);
    }
  }
  for (const char* watch : {"canary_watch_time", "update_watch_time"})
    manifest["update"][watch] = "1000-" + std::to_string(seconds * 1000);
  return to_yaml(manifest);
}

}  // namespace

ClusterLab& ClusterLab::the_one() {
  static ClusterLab lab({.lab = "kubernetes"});
  return lab;
}

ClusterLab::ClusterLab(const Shape& shape)
    : Lab(shape.lab, std::chrono::minutes{shape.deploy_minutes}),
      kubectl_(*this, (state() / "kubernetes/kubeconfig").string()) {
  must({"stemcells/builder/build"});
  must({"releases/build"});
  must({"releases/build", "kubernetes"});
  control_plane({"up", "--virt", shape.virt, "--director-only"});
  control_plane({"upload", "etcd", "kubernetes"});
  const auto file = state() / "manifest.yml";
  write_file_atomically(file, manifest(shape));
  must({"test/kubernetes/cluster", "--name", shape.lab, "deploy", file.string()});
}

}  // namespace slipway::test
