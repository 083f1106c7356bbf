#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "director/tasks/task_queue.hpp"
#include "director/uploads/artifact_tasks.hpp"
#include "test/scenario/director/director_world.hpp"
#include "test/scenario/director/mortality.hpp"

namespace slipway::test {

// The director as a process that starts, takes up what it finds and may die: the real task queue,
// bodies and stores, with connections, locks and randomness of its own. What it leaves is in the
// world: the store's file, blobs, task outputs, cloud and agents.
class DirectorLife {
 public:
  // `number` differs from life to life of one world.
  DirectorLife(DirectorWorld& world, Mortality& fate, int number);
  // A death leaves everything as it was at that moment.
  ~DirectorLife();

  // Starts and returns when `task` has ended or the director is dead; for one that fell asleep, when
  // it has given up what it was doing. True: the task has ended.
  bool live(director::TaskId task);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// A task as a client's request stores it, before any director has seen it.
director::TaskRecord submit(DirectorWorld& world, const std::string& type, const Json& arguments);
void submit_idle_task(DirectorWorld& world);  // for a director that wakes up: see live()
std::filesystem::path upload_of(const DirectorWorld& world);  // where a task finds the file it takes in
director::Tasks tasks_of(DirectorWorld& world);

}  // namespace slipway::test
