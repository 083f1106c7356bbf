#pragma once

#include <optional>
#include <string>

#include "director/executor/services.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

// What an action is about, as `bosh events` shows it.
struct EventSubject {
  std::string action, object_type, object_name, deployment, instance;  // instance: "group/id"
  Json context = Json::object();
};

inline std::string instance_path(const InstanceRecord& instance) { return instance.group + "/" + instance.id.value; }

// What a task tells of in one event. Its id.
std::int64_t record_event(Services& services, const TaskContext& task, const EventSubject& subject,
                          const std::string& error = {}, std::optional<std::int64_t> parent = {});

// Two events an action: that it begins, and, with the first as its parent, how it ended.
class RecordedAction {
 public:
  RecordedAction(Services& services, const TaskContext& task, const EventSubject& subject)
      : services_(services), task_(task) {
    begun_ = record_event(services_, task_, subject);
  }
  void end(const EventSubject& subject, const std::string& error = {}) {
    record_event(services_, task_, subject, error, begun_);
  }

 private:
  Services& services_;
  const TaskContext& task_;
  std::optional<std::int64_t> begun_;
};

// Runs `work(subject)`, which may name what it made.
template <class Work>
auto recorded(Services& services, const TaskContext& task, EventSubject subject, Work&& work) {
  RecordedAction action(services, task, subject);
  try {
    if constexpr (std::is_void_v<decltype(work(subject))>) {
      work(subject);
      action.end(subject);
    } else {
      auto result = work(subject);
      action.end(subject);
      return result;
    }
  } catch (const std::exception& error) {
    action.end(subject, error.what());
    throw;
  }
}

}  // namespace slipway::director
