#pragma once

#include <functional>
#include <string>
#include <vector>

#include "test/scenario/director/director_life.hpp"

namespace slipway::test {

using Findings = std::vector<std::string>;

// A task that is interrupted, in a world that `before` has prepared.
struct Scenario {
  std::string type;
  std::function<Json(DirectorWorld&)> arguments;
  std::function<void(DirectorWorld&)> before = [](DirectorWorld&) {};
  std::function<Findings(DirectorWorld&)> missed;  // what of the task's purpose was not reached
  // CPI calls and messages in parallel: closer to a real director, and no run is quite like another.
  bool parallel = false;
  bool two_vms = false;  // an instance may have a second one for a while: create-swap-delete
};

// Runs a scenario again and again, each time with another accident, and asks after each whether the
// task's purpose was reached and nothing is doubled, left over or lost.
class CrashCourse {
 public:
  explicit CrashCourse(Scenario scenario);

  // Its director dies at every effect of the task, before it and, where an answer can be lost, after
  // it, and once more while the next one recovers. Returns the number of accidents that happened.
  int with_deaths(Findings& problems);

  // Its director falls silent before every look at whether the task is still its own, before every change of
  // its store and before each VM it asks for, wakes up when another one has done the whole task, and goes on.
  int with_sleepers(Findings& problems);

 private:
  struct Accident {
    int effect = 0;
    Mortality::Moment moment = Mortality::Moment::before;
    std::string name;  // of the effects that count; empty: all
  };
  using Case = std::vector<Accident>;
  struct Outcome {
    std::vector<Mortality::Effect> effects;  // of the last life
    std::size_t accidents = 0;
    Findings problems;
  };
  const std::vector<Mortality::Effect>& effects(Findings& problems);
  int run_all(const std::vector<Case>& cases, Findings& problems);
  Outcome attempt(const Case& accidents);
  void live_and_die(DirectorWorld& world, director::TaskId task, const Case& accidents, Outcome& outcome);
  void judge(DirectorWorld& world, director::TaskId id, Outcome& outcome) const;
  std::string name_of(const Case& accidents) const;

  const Scenario scenario_;
  DirectorWorld start_;
  std::vector<Mortality::Effect> effects_;  // of the undisturbed task
};

}  // namespace slipway::test
