#pragma once

#include <string>
#include <vector>

#include "test/e2e/lab.hpp"

namespace slipway::test {

// The versions of Kubernetes the release is built of, the one first that is built when none is named.
std::vector<std::string> kubernetes_versions(const std::filesystem::path& checkout);

// "1.37.2" → "1.37".
std::string minor_of(const std::string& version);

// kubectl in a lab, as whom a kubeconfig says. The lab outlives it.
class Kubectl {
 public:
  Kubectl(Lab& lab, std::string kubeconfig);

  Lab::Outcome run(const std::vector<std::string>& arguments);
  // The standard output of what must succeed; fails the test with all output otherwise.
  std::string must(const std::vector<std::string>& arguments);
  Json objects(const std::vector<std::string>& arguments);  // kubectl get … as JSON: its items
  // Applies an object and fails the test if the cluster refuses it.
  void apply(const std::string& yaml);

  const std::string& program() const { return program_; }
  const std::string& kubeconfig() const { return kubeconfig_; }

 private:
  Lab& lab_;
  std::string program_, kubeconfig_;
};

// Leads port 80 of the name `web`, and port 30080 of each node, to port 8080 of the pods labelled so.
inline constexpr const char* web_service = R"(
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
)";

// The instances of a deployment's group as the director tells them.
std::vector<Json> instances_of(Lab& lab, const std::string& deployment, const std::string& group);

}  // namespace slipway::test
