#include "test/scenario/director/problem_steps.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "director/executor/problems/problem_tasks.hpp"

namespace slipway::test::problems {

std::vector<ProblemRecord> scan(DirectorWorld& world) {
  world.run_body(director::scan_deployment, {{"deployment", "dep"}});
  return world.stores.problems.open("dep");
}

std::string resolve(DirectorWorld& world, const Json& resolutions, director::TaskId task, const Json& overrides) {
  return world.run_body(
      director::apply_resolutions,
      {{"deployment", "dep"}, {"resolutions", resolutions}, {"max_in_flight_overrides", overrides}}, task);
}

Json all_by(DirectorWorld& world, const Json& resolution) {
  Json choices = Json::object();
  for (const auto& problem : world.stores.problems.open("dep")) choices[std::to_string(problem.id)] = resolution;
  return choices;
}

std::string scan_and_fix(DirectorWorld& world, const Json& jobs, director::TaskId task) {
  return world.run_body(director::scan_and_fix, {{"deployment", "dep"}, {"jobs", jobs}}, task);
}

cpi::DiskCid disk_of(DirectorWorld& world, int index) {
  return world.stores.disks.of_instance(world.instance("server", index).id).at(0).cid;
}

bool runs(DirectorWorld& world, int index) {
  return world.agents.job_state(world.vm("server", index).agent) == "running";
}

bool said(const DirectorWorld& world, const std::string& text) {
  return std::any_of(world.events.begin(), world.events.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

void silence(DirectorWorld& world) { world.agents.silence(world.vm("server", 0).agent); }

void is_untouched(DirectorWorld& world, const VmRecord& before) {
  CHECK(world.vm("server", 0).agent == before.agent);
}

void is_made_anew(DirectorWorld& world, const VmRecord& before) {
  const auto vm = world.vm("server", 0);
  CHECK(vm.agent != before.agent);
  CHECK(vm.networks == before.networks);
  CHECK(runs(world, 0));
  CHECK(world.cloud.find_disk(disk_of(world, 0))->attached_to == vm.cid);
  CHECK(world.instance("server", 0).update_completed);
  CHECK(world.agents.mounted(vm.agent).size() == 1);
}

void is_rebooted(DirectorWorld& world, const VmRecord& before) {
  is_untouched(world, before);
  CHECK(world.cloud.find_vm(*before.cid)->reboots == 1);
}

}  // namespace slipway::test::problems
