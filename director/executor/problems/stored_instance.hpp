#pragma once

#include "director/executor/instance_updater.hpp"

namespace slipway::director {

// An instance as it was last brought up with success, in the words the updater works with. No manifest
// and no config is read: what is repaired becomes what it was.
class StoredInstance {
 public:
  // Fault::conflict when it was never brought up, or has lost the disk it shall have: a deploy decides then.
  StoredInstance(Services& services, ActualInstance actual);
  StoredInstance(const StoredInstance&) = delete;
  StoredInstance& operator=(const StoredInstance&) = delete;

  // A new VM in place of the one it has, if it has one. Refers to this object.
  InstanceJob recreation(bool wait_until_running) const;

 private:
  ActualInstance actual_;
  PlannedInstance planned_;
  InstanceGroup group_;
  InstanceChange change_;
};

}  // namespace slipway::director
