#include "director/executor/recorded_action.hpp"

namespace slipway::director {

std::int64_t record_event(Services& services, const TaskContext& task, const EventSubject& subject,
                          const std::string& error, std::optional<std::int64_t> parent) {
  EventRecord event;
  event.parent = parent;
  event.time = services.clock.now();
  event.user = task.task().user;
  event.action = subject.action;
  event.object_type = subject.object_type;
  event.object_name = subject.object_name;
  event.task = std::to_string(task.task().id);
  event.deployment = subject.deployment;
  event.instance = subject.instance;
  event.error = error;
  event.context = subject.context;
  return services.stores.events.insert(event);
}

}  // namespace slipway::director
