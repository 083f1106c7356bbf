#pragma once

#include <string>
#include <vector>

#include "test/e2e/lab.hpp"

namespace slipway::test {

// A lab with a director in it and one Kubernetes cluster, made of examples/kubernetes.yml.
class ClusterLab : public Lab {
 public:
  // The cluster of this program: made when it is first asked for, gone with the program.
  static ClusterLab& the_one();

  ClusterLab();

  // As the cluster's administrator, in the lab.
  Outcome kubectl(const std::vector<std::string>& arguments);
  std::string must_kubectl(const std::vector<std::string>& arguments);
  Json objects(const std::vector<std::string>& arguments);  // kubectl get … as JSON: its items
  // Applies an object and fails the test if the cluster refuses it.
  void apply(const std::string& yaml);

  // A request to the director that makes a task, which is followed to its end and must succeed.
  void director_task(const std::string& method, const std::string& target,
                     const std::vector<std::string>& more = {});
  // The instances of a group as the director tells them.
  std::vector<Json> instances(const std::string& group);
  // A program on an instance, as root.
  Outcome on(const Json& instance, const std::vector<std::string>& argv);
  std::string must_on(const Json& instance, const std::vector<std::string>& argv);

  const std::string& kubectl_program() const { return kubectl_; }
  const std::string& kubeconfig() const { return kubeconfig_; }

  static constexpr const char* deployment = "kubernetes";

 private:
  std::string kubectl_, kubeconfig_;
};

}  // namespace slipway::test
