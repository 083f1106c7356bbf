#pragma once

#include <string>

#include "director/executor/services.hpp"
#include "director/planner/plan.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

// Everything the planner has to know of a deployment and of what it shares with others.
// Running agents are asked for their state, all at once; a silent one is noted.
World read_world(Services& services, TaskContext& task, const std::string& deployment,
                 const Manifest& manifest);

// Its agent's state, or that it is silent. Precondition: the instance has a VM.
void ask_agent(Services& services, ActualInstance& instance);

// A deployment's instances with what the store knows of each; nobody is asked.
std::vector<ActualInstance> stored_instances(Stores& stores, const std::string& deployment);
std::optional<ActualInstance> stored_instance(Stores& stores, const InstanceId& id);

// What stands for the zones in DNS queries. A dry run numbers none.
DnsNumbers::ByName az_numbers(DnsNumbers& numbers, const CloudConfig& cloud, bool dry_run);

}  // namespace slipway::director
