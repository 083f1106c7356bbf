#include "director/executor/package_fetches.hpp"

namespace slipway::director {

PackageFetches::PackageFetches(Services& services, TaskContext& task, std::vector<Fetch> in_turn)
    : turns_([&] {
        std::map<InstanceId, std::size_t> turns;
        for (std::size_t i = 0; i < in_turn.size(); ++i) turns[in_turn[i].instance] = i;
        return turns;
      }()),
      work_(turns_.size(), services.settings.max_parallel > 1 ? services.settings.max_parallel : 0,
            [&services, &task, in_turn = std::move(in_turn)](std::size_t i) {
              InstanceSteps(services, task).prepare(in_turn[i].vm, in_turn[i].spec);
            }) {}

void PackageFetches::wait_for(const InstanceId& instance, TaskContext::Step& step) {
  const auto turn = turns_.find(instance);
  if (turn == turns_.end()) return;
  step.status("installing packages");
  work_.finish(turn->second);
}

}  // namespace slipway::director
