#include "director/executor/problems/stored_instance.hpp"

#include "director/executor/named_disks.hpp"
#include "director/executor/stored_plan.hpp"

namespace slipway::director {

StoredInstance::StoredInstance(Services& services, ActualInstance actual) : actual_(std::move(actual)) {
  const auto& record = actual_.record;
  const auto& spec = record.spec;
  if (spec.empty()) {
    throw Error(Fault::conflict, "instance " + record.name() +
                                     " has never been brought up, so nothing says how; deploy instead");
  }
  planned_ = planned_as_stored(services.stores, actual_);
  if (planned_.store_mib() == 0 && spec.value("persistent_disk", std::int64_t{0}) > 0) {
    throw Error(Fault::conflict, "instance " + record.name() +
                                     " has no persistent disk any more; deploy to give it a new, empty one");
  }
  for (const auto& name : named_disks_in(spec)) {
    if (planned_.find_disk(name) != nullptr) continue;
    throw Error(Fault::conflict, "instance " + record.name() + " has no persistent disk '" + name +
                                     "' any more; deploy to give it a new, empty one");
  }
  group_ = group_as_stored(record);
  change_.id = record.id;
  change_.group = record.group;
  change_.name = record.name();
  change_.action = Action::recreate;
  change_.target = record.state;
}

InstanceJob StoredInstance::recreation(bool wait_until_running) const {
  return {.planned = &planned_,
          .change = &change_,
          .actual = &actual_,
          .group = &group_,
          .apply_spec = actual_.record.spec,
          .wait_until_running = wait_until_running};
}

}  // namespace slipway::director
