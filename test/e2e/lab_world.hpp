#pragma once

#include <string>
#include <vector>

#include "test/e2e/lab.hpp"

namespace slipway::test {

// A lab with a whole control plane in it.
class LabWorld : public Lab {
 public:
  // `virt`: lxc or qemu. Starts the daemons, uploads stemcell and release and logs in as the
  // administrator.
  explicit LabWorld(const std::string& virt, const std::string& name = "test");

  Outcome pks(const std::vector<std::string>& arguments);
  std::string must_pks(const std::vector<std::string>& arguments);

  // etcdctl with the credentials of a cluster.
  std::string etcdctl(const std::string& cluster, const std::vector<std::string>& arguments);
  // "demo" → name of its deployment.
  std::string deployment_of(const std::string& cluster);

  // SIGKILL for the lab's processes whose command line matches the pattern, of which there must be one.
  void kill(const std::string& pattern);
  // SIGKILL for director (its message bus dies with it) and PKS API, and their start again.
  void kill_control_plane();
  void start_control_plane();
  // Starts the health monitor anew, so that VMs whose jobs fail for so long are repaired; it knows of no repairs then.
  void repair_jobs_that_fail_for(int seconds);

 private:
  Environment pks_environment() const;
  std::string virt_;
};

}  // namespace slipway::test
