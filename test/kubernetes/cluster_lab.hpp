#pragma once

#include <string>
#include <vector>

#include "test/kubernetes/kubectl.hpp"

namespace slipway::test {

// A lab with a director in it and one Kubernetes cluster, made of examples/kubernetes.yml.
class ClusterLab : public Lab {
 public:
  struct Shape {
    std::string lab;            // its name
    std::string virt = "lxc";   // or qemu
    int workers = 2;
    int deploy_minutes = 15;    // the most that any of its steps may take
  };
  explicit ClusterLab(const Shape& shape);
  // The cluster in containers: made when it is first asked for, gone with the program.
  static ClusterLab& the_one();

  // As the cluster's administrator, in the lab.
  Outcome kubectl(const std::vector<std::string>& arguments) { return kubectl_.run(arguments); }
  std::string must_kubectl(const std::vector<std::string>& arguments) { return kubectl_.must(arguments); }
  Json objects(const std::vector<std::string>& arguments) { return kubectl_.objects(arguments); }
  void apply(const std::string& yaml) { kubectl_.apply(yaml); }

  std::vector<Json> instances(const std::string& group) { return instances_of(*this, deployment, group); }
  Outcome on(const Json& instance, const std::vector<std::string>& argv) {
    return on_node(instance.at("cid"), argv);
  }
  std::string must_on(const Json& instance, const std::vector<std::string>& argv) {
    return must_on_node(instance.at("cid"), argv);
  }

  const std::string& kubectl_program() const { return kubectl_.program(); }
  const std::string& kubeconfig() const { return kubectl_.kubeconfig(); }

  static constexpr const char* deployment = "kubernetes";

 private:
  Kubectl kubectl_;
};

}  // namespace slipway::test
