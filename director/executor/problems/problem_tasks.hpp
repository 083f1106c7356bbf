#pragma once

#include "director/executor/services.hpp"
#include "director/tasks/task_queue.hpp"

namespace slipway::director {

// Registers cck_scan, cck_apply and scan_and_fix. `services` outlives the queue.
void register_problem_tasks(TaskQueue& queue, Services& services);

// Their bodies. Arguments: {"deployment"}; with {"resolutions": {id: name or null},
// "max_in_flight_overrides": {group: amount}}; with {"jobs": {group: [id or index]}}.
std::string scan_deployment(Services& services, TaskContext& task);
std::string apply_resolutions(Services& services, TaskContext& task);
std::string scan_and_fix(Services& services, TaskContext& task);

}  // namespace slipway::director
