#include "test/scenario/director/crash_course.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "base/parallel.hpp"

namespace slipway::test {

using director::TaskId;
using director::TaskState;
using Moment = Mortality::Moment;

CrashCourse::CrashCourse(Scenario scenario) : scenario_(std::move(scenario)) { scenario_.before(start_); }

const std::vector<Mortality::Effect>& CrashCourse::effects(Findings& problems) {
  if (effects_.empty()) {
    const auto undisturbed = attempt({});
    for (const auto& problem : undisturbed.problems) problems.push_back("undisturbed: " + problem);
    if (undisturbed.problems.empty()) effects_ = undisturbed.effects;
  }
  return effects_;
}

int CrashCourse::with_deaths(Findings& problems) {
  const auto count = static_cast<int>(effects(problems).size());
  std::vector<Case> cases;
  for (int at = 1; at <= count; ++at) {
    const auto& effect = effects_[static_cast<std::size_t>(at) - 1];
    if (effect.only_looks) continue;
    cases.push_back({{at, Moment::before}});
    if (effect.answered) cases.push_back({{at, Moment::after}});
    // Once more: early in the recovery, where it takes stock, and somewhere in what is left to do.
    const auto moment = at % 2 == 0 ? Moment::before : Moment::after;
    cases.push_back({{at, Moment::before}, {1 + at % 9, moment}});
    cases.push_back({{at, Moment::after}, {10 + at * 7 % count, moment}});
  }
  return run_all(cases, problems);
}

int CrashCourse::with_sleepers(Findings& problems) {
  std::vector<Case> cases;
  // By name, because a director that beats meanwhile has effects of its own.
  std::map<std::string, int> counts;
  for (const auto& effect : effects(problems)) {
    const auto number = ++counts[effect.name];
    if (effect.only_looks || effect.name.starts_with("store ") || effect.name == "CPI create_vm")
      cases.push_back({{number, Moment::asleep, effect.name}});
  }
  return run_all(cases, problems);
}

int CrashCourse::run_all(const std::vector<Case>& cases, Findings& problems) {
  std::atomic<int> happened = 0;
  std::mutex mutex;
  const auto at_once = std::max(2u, std::thread::hardware_concurrency());
  parallel_for(cases.size(), at_once, [&](std::size_t i) {
    const auto outcome = attempt(cases[i]);
    if (outcome.accidents == cases[i].size()) ++happened;
    const std::lock_guard lock(mutex);
    for (const auto& problem : outcome.problems) problems.push_back(name_of(cases[i]) + ": " + problem);
  });
  return happened;
}

CrashCourse::Outcome CrashCourse::attempt(const Case& accidents) {
  Outcome outcome;
  try {
    DirectorWorld world(start_);
    if (!scenario_.two_vms) world.cloud.watch_closely();
    if (!scenario_.parallel) world.services.settings.max_parallel = 1;
    const auto task = submit(world, scenario_.type, scenario_.arguments(world)).id;
    live_and_die(world, task, accidents, outcome);
    judge(world, task, outcome);
  } catch (const std::exception& error) {
    outcome.problems.push_back(error.what());
  }
  return outcome;
}

void CrashCourse::live_and_die(DirectorWorld& world, TaskId task, const Case& accidents, Outcome& outcome) {
  int life = 0;
  Mortality fate;
  fate.on_sleep = [&] {
    Mortality others;
    DirectorLife(world, others, ++life).live(task);
    submit_idle_task(world);
  };
  const auto live = [&](const Accident& accident) {
    fate.begin_life(accident.effect, accident.moment, accident.name);
    DirectorLife(world, fate, ++life).live(task);
    outcome.effects = fate.effects();
    outcome.accidents += fate.dead() || fate.slept() ? 1 : 0;
    return fate.dead();
  };
  if (std::all_of(accidents.begin(), accidents.end(), live)) live({});
}

void CrashCourse::judge(DirectorWorld& world, TaskId id, Outcome& outcome) const {
  auto& problems = outcome.problems;
  const auto task = tasks_of(world).find(id).value();
  if (task.state != TaskState::done)
    problems.push_back("the task ended as " + to_string(task.state) + ": " + task.result);
  for (const auto& found : {world.inconsistencies(), scenario_.missed(world)})
    problems.insert(problems.end(), found.begin(), found.end());
  for (const auto& leaked : world.leaked_blobs()) problems.push_back(leaked);
}

std::string CrashCourse::name_of(const Case& accidents) const {
  std::string text;
  for (const auto& accident : accidents) {
    const char* when = accident.moment == Moment::before  ? "before "
                       : accident.moment == Moment::after ? "after "
                                                          : "asleep before ";
    text += (text.empty() ? "" : ", then ") + (when + std::to_string(accident.effect));
    if (!accident.name.empty()) return text + ". " + accident.name;
  }
  return text + " (" + effects_.at(static_cast<std::size_t>(accidents.front().effect) - 1).name + ")";
}

}  // namespace slipway::test
