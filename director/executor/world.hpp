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

// Those recorded that names of a deployment with these features can be made of.
DnsNumbering read_dns_numbers(DnsNumbers& numbers, const Features& features);
// Records what a plan proposes. False: somebody else's plan took one of the numbers meanwhile.
bool record_dns_numbers(DnsNumbers& numbers, const DnsNumbering& proposed);

}  // namespace slipway::director
