#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "test/scenario/director/director_world.hpp"

namespace slipway::sim {

struct Settings {
  std::uint64_t seed = 1;
  Duration storm = std::chrono::minutes{30};  // in which faults strike
  Duration calm = std::chrono::minutes{60};   // after it, at most: everything has to be as it shall be by then
  std::function<void(const std::string&)> show;  // every line of the trace
  // Done in the middle of the storm by no rule of the world, to see whether it is found out.
  std::function<void(test::DirectorWorld&)> sabotage;
};

struct Outcome {
  std::uint64_t seed = 0;
  std::string problem;     // empty: no rule was broken, and all came to rest
  std::string last_lines;  // of the trace, when there is a problem
  std::uint64_t digest = 0, lines = 0, turns = 0;
  Duration simulated{};
  std::map<std::string, int> faults;  // that struck, by name
};

std::vector<std::string> fault_names();  // all there are

// One seeded world from its beginning to its rest. May be called from several threads at once.
Outcome simulate(const Settings& settings);

}  // namespace slipway::sim
