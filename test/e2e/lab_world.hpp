#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace slipway::test {

// A lab of this run's own with a whole control plane in it: real libvirt, real nodes, the
// programs of this build. Everything is gone when the object is.
class LabWorld {
 public:
  // `virt`: lxc or qemu. Brings the lab up, starts the daemons, uploads stemcell and release and
  // logs in as the administrator.
  explicit LabWorld(const std::string& virt);
  ~LabWorld();
  LabWorld(const LabWorld&) = delete;
  LabWorld& operator=(const LabWorld&) = delete;

  struct Outcome {
    int exit_code = 0;
    std::string out, err;
  };
  Outcome pks(const std::vector<std::string>& arguments);
  Outcome in_lab(std::vector<std::string> argv);
  // The standard output of what must succeed; fails the test with all output otherwise.
  std::string must_pks(const std::vector<std::string>& arguments);
  std::string must_in_lab(const std::vector<std::string>& argv);

  // The director's REST API; a task is followed to its end and must succeed.
  Json director(const std::string& target);
  void director_task(const std::string& method, const std::string& target);

  // etcdctl with the credentials of a cluster.
  std::string etcdctl(const std::string& cluster, const std::vector<std::string>& arguments);
  // "demo" → name of its deployment.
  std::string deployment_of(const std::string& cluster);

  const std::filesystem::path& state() const { return state_; }
  std::vector<std::string> domains();  // names libvirt knows, running or not

  // SIGKILL for director (its message bus dies with it) and PKS API, and their start again.
  void kill_control_plane();
  void start_control_plane();

  // Looks twice a second, for five minutes at most; fails the test then.
  void wait_until(const std::string& what, const std::function<bool()>& holds);

  // Takes the lab down and says whether anything is left of it.
  Outcome take_down();

 private:
  void set_up();
  Outcome run(std::vector<std::string> argv, std::map<std::string, std::string> environment = {});
  std::filesystem::path root_, state_;
  std::string virt_;
};

}  // namespace slipway::test
