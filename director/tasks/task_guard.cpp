#include "director/tasks/task_guard.hpp"

namespace slipway::director {

sql::Database::Guard guard_of(const TaskContext& task) {
  return [&task](sql::Session& session) {
    const auto others = session.run("SELECT id FROM tasks WHERE id = :1 AND fence <> :2",
                                    {task.task().id, task.task().fence});
    if (!others.rows.empty()) task.lose();
  };
}

}  // namespace slipway::director
