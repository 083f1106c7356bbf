#pragma once

#include <string>
#include <vector>

#include "test/e2e/lab_world.hpp"
#include "test/kubernetes/kubectl.hpp"

namespace slipway::test {

// A lab with a whole control plane and one cluster of plan medium in it: three masters behind one address and
// three workers, of the older one of two versions of Kubernetes.
class MastersLab : public LabWorld {
 public:
  // The cluster of this program: made when it is first asked for, gone with the program.
  static MastersLab& the_one();

  MastersLab();

  static constexpr const char* cluster = "medium";
  static constexpr const char* hostname = "medium.lab";
  // What the name stands for: no instance's own address.
  static constexpr const char* address = "10.77.0.5";

  // Of the release's versions.
  const std::string& older() const { return older_; }
  const std::string& newer() const { return newer_; }
  // Gives the director the release of one of them.
  void upload(const std::string& version);

  const std::string& deployment() const { return deployment_; }
  // As the cluster's administrator.
  Kubectl& admin() { return admin_; }

  std::vector<Json> masters() { return instances_of(*this, deployment_, "master"); }
  std::vector<Json> workers() { return instances_of(*this, deployment_, "worker"); }
  // The masters that have the cluster's address: one of them, unless it is moving.
  std::vector<Json> leaders();
  // By which pods reach the API: one for each master that lives.
  std::size_t api_addresses();

 private:
  std::string newer_, older_, deployment_;
  Kubectl admin_;
};

}  // namespace slipway::test
