#include "director/executor/fenced_write.hpp"

namespace slipway::director {

void write_instance(Services& services, const TaskContext& task, const InstanceRecord& instance) {
  if (services.stores.instances.update_as(task.fence(), instance)) return;
  task.require_held();
  throw Error(Fault::internal, instance.name() + ": its task is held by nobody and somebody");
}

}  // namespace slipway::director
