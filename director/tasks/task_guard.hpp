#pragma once

#include <type_traits>

#include "base/sql/database.hpp"
#include "director/tasks/task_context.hpp"
#include "director/tasks/task_queue.hpp"

namespace slipway::director {

// Refuses every change by a director that does not hold the task any more: whoever stood still since it last
// asked has nothing to say. Fault::cancelled then. The task outlives it.
sql::Database::Guard guard_of(const TaskContext& task);

// A task's body that works with its services' stores as it may: `services.with(stores)` is what it gets.
template <class Services>
TaskQueue::Body held(Services& services,
                     std::type_identity_t<std::function<std::string(Services&, TaskContext&)>> body) {
  return [&services, body = std::move(body)](TaskContext& task) {
    auto stores = services.stores.held_by(task);
    auto own = services.with(stores);
    return body(own, task);
  };
}

// Registers such bodies: `add(type, body, urgent)`.
template <class Services>
auto held_types(TaskQueue& queue, Services& services) {
  return [&](const char* type, std::function<std::string(Services&, TaskContext&)> body, bool urgent = false) {
    queue.register_type(type, held(services, std::move(body)), urgent);
  };
}

}  // namespace slipway::director
