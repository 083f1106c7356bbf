#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "director/tasks/task_queue.hpp"

namespace slipway::director {

struct RecurringTask {
  std::string type, description;
  std::chrono::seconds every{0};
  std::function<bool()> has_work;  // no task is made where there is nothing to do
};

// Submits tasks that the director gives itself: each when its time has come, it has work, and the last
// one of its type is over.
class RecurringTasks {
 public:
  // Who looks whether one is due: a thread of its own, or its owner, who calls submit_due() from time to time.
  enum class Looking { by_itself, by_owner };
  RecurringTasks(TaskQueue& queue, Tasks& tasks, Clock& clock, Log log, std::vector<RecurringTask> tasks_to_make,
                 Looking looking = Looking::by_itself);
  ~RecurringTasks();
  RecurringTasks(const RecurringTasks&) = delete;
  RecurringTasks& operator=(const RecurringTasks&) = delete;

  void submit_due();  // whatever is due by now

 private:
  struct Planned {
    RecurringTask task;
    Instant next;
  };
  void run();
  Planned& next_planned();
  void submit(const RecurringTask& task);

  TaskQueue& queue_;
  Tasks& tasks_;
  Clock& clock_;
  Log log_;
  std::vector<Planned> planned_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace slipway::director
