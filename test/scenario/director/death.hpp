#pragma once

#include <atomic>
#include <memory>

#include "test/scenario/director/director_world.hpp"

namespace slipway::test {

// The director dies once, at the message of that number to an agent from now on. Its death unwinds like a cancellation, which
// nothing cleans up after. Set `world.agents.before` anew once it is over.
class DeathAtMessage {
 public:
  DeathAtMessage(DirectorWorld& world, int message) {
    world.agents.before = [course = course_, message](const AgentId&, const std::string&) {
      if (++course->messages != message || course->struck.exchange(true)) return;
      throw Error(Fault::cancelled, "the director died");
    };
  }
  bool struck() const { return course_->struck; }

 private:
  struct Course {
    std::atomic<int> messages = 0;
    std::atomic<bool> struck = false;
  };
  std::shared_ptr<Course> course_ = std::make_shared<Course>();
};

}  // namespace slipway::test
