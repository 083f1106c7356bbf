#pragma once

#include <string>
#include <vector>

#include "cpi/aws/agent_settings.hpp"
#include "cpi/aws/instance.hpp"
#include "cpi/aws/interfaces.hpp"
#include "cpi/aws/vm_wish.hpp"

namespace slipway::cpi::aws {

// All that RunInstances is told.
struct Launch {
  std::string image, root_device, agent, user_data;
  std::int64_t root_gib = 0;  // of the image
  VmWish wish;
  std::vector<MadeInterface> interfaces;  // empty: made with the instance
  Tags tags;
};

enum class Market { spot, on_demand };

// One instance, with IMDSv2 alone, everything tagged and deleted with it. `token` makes repeating it safe.
Query run_instances(const Launch& launch, Market market, const std::string& token);

// EC2 has no room for it now, or not for this price: another market or time may have.
bool is_capacity_error(const AwsError& error);

}  // namespace slipway::cpi::aws
