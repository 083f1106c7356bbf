#pragma once

#include <map>
#include <vector>

#include "base/json.hpp"
#include "base/parallel.hpp"
#include "director/executor/instance_steps.hpp"

namespace slipway::director {

// Has new VMs fetch what they will run while others, whose turn is earlier, start their jobs. It ends before its end of
// life: nothing is fetched for a deploy that has failed.
class PackageFetches {
 public:
  struct Fetch {
    InstanceId instance;
    VmRecord vm;
    Json spec;  // the apply spec
  };
  // In the order in which they will be waited for. With `max_parallel` 1 nothing runs beside whoever waits.
  PackageFetches(Services& services, TaskContext& task, std::vector<Fetch> in_turn);

  // Returns when the instance's VM has all of it, at once where nothing was to be fetched; throws what went wrong there.
  void wait_for(const InstanceId& instance, TaskContext::Step& step);

 private:
  std::map<InstanceId, std::size_t> turns_;
  WorkAhead work_;
};

}  // namespace slipway::director
