#pragma once

#include <optional>
#include <string>

#include "cpi/aws/config.hpp"
#include "cpi/aws/instance.hpp"
#include "cpi/aws/launch.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi::aws {

// Instances. An instance carries its agent's id from its first moment: whatever a crash or a lost reply
// leaves is found by it, and completed by the same create_vm.
class Vms {
 public:
  Vms(const AwsConfig& config, const Api& api) : config_(config), api_(api) {}

  CreatedVm create(const CreateVm& request);
  void remove(const VmCid& vm);
  void reboot(const VmCid& vm);
  void set_metadata(const VmCid& vm, const Json& metadata);

 private:
  Launch prepare(const CreateVm& request, VmWish wish, int attempt);
  void check_zone_of_disks(const CreateVm& request, const VmWish& wish) const;
  Instance run(const Launch& launch, int attempt);
  Instance run_in(const Launch& launch, Market market, const std::string& token);
  std::optional<Instance> living(const std::string& agent) const;
  Instance wait_until_running(const std::string& id) const;
  CreatedVm finish(const Instance& instance, const CreateVm& request, const VmWish& wish);
  void tear_down(const std::string& id, const std::string& agent) const;
  void wait_until_gone(const std::string& id, std::string& agent) const;
  void remove_interfaces_of(const std::string& agent) const;
  Patience patience(const std::string& what) const;

  const AwsConfig& config_;
  const Api& api_;
};

}  // namespace slipway::cpi::aws
