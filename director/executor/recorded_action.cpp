#include "director/executor/recorded_action.hpp"

namespace slipway::director {

std::int64_t RecordedAction::write(const EventSubject& subject, const std::string& error) {
  EventRecord event;
  event.parent = begun_;
  event.time = services_.clock.now();
  event.user = task_.task().user;
  event.action = subject.action;
  event.object_type = subject.object_type;
  event.object_name = subject.object_name;
  event.task = std::to_string(task_.task().id);
  event.deployment = subject.deployment;
  event.instance = subject.instance;
  event.error = error;
  event.context = subject.context;
  return services_.stores.events.insert(event);
}

}  // namespace slipway::director
