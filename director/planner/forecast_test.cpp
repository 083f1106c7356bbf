#include "director/planner/forecast.hpp"

#include <doctest/doctest.h>

#include "director/domain/error_codes.hpp"
#include "director/planner/silence.hpp"
#include "director/planner/test_plans.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace slipway::director::test;
using namespace std::chrono_literals;

namespace forecast_test {

TEST_CASE("an expectation is the group's median, else that of all groups, and none without history") {
  ChangeHistory history;
  CHECK_FALSE(history.expected("a", "update"));
  for (const auto took : {1s, 9s, 2s}) history.add("a", "update", took);
  for (const auto took : {5s, 5s, 5s, 5s}) history.add("b", "update", took);
  CHECK(history.expected("a", "update") == 2s);
  CHECK(history.expected("c", "update") == 5s);
  CHECK_FALSE(history.expected("a", "remove"));
}

TEST_CASE("rows come in the order of their turn: removals, canaries, then batch by batch") {
  const auto have = deployed(desired());
  const auto want = desired(manifest(manifest_yaml, [](Json& m) {
    m["instance_groups"][0]["instances"] = 2;
    m["instance_groups"][0]["vm_type"] = "large";
  }));
  const auto out = plan_for(want, have);
  std::vector<std::string> text;
  for (const auto& row : rows_in_order(out.plan, {})) {
    text.push_back(to_string(row.change->action) + " " + std::to_string(row.batch) + (row.canary ? " canary" : ""));
  }
  CHECK(text == std::vector<std::string>{"remove 0", "recreate 1 canary", "recreate 2"});
}

TEST_CASE("a deploy's duration adds up removals, VMs and batches, and is unknown while a part is") {
  const auto have = deployed(desired());
  const auto want = desired(manifest(manifest_yaml, [](Json& m) {
    m["instance_groups"][0]["instances"] = 9;
    m["instance_groups"][0]["vm_type"] = "large";
  }));
  const auto plan = plan_for(want, have).plan;
  ChangeHistory history;
  history.add("etcd", "recreate", 10s);
  history.add("etcd", "create", 3s);
  CHECK_FALSE(expected_duration(plan, history, 4));
  history.add("etcd", vm_creation, 7s);
  // Six new VMs by four: 14 s. z1: one canary of three, two more at once; z2 and z3: two rounds each.
  CHECK(expected_duration(plan, history, 4) == 14s + 10s + 3s + 20s + 20s);
  CHECK(expected_duration(Plan{}, {}, 4) == 0s);
}

TEST_CASE("a silent agent costs its own instance only, unless the plan must touch it") {
  auto want = desired();
  auto have = deployed(want);
  have.instances[1].responsive = false;
  have.instances[1].job_state.clear();
  const auto idle = plan_for(want, have).plan;
  CHECK(is_empty(idle));
  refuse_silent(want, have, idle);
  CHECK(left_alone(want, have, idle) == std::vector<std::string>{have.instances[1].record.name()});

  auto changed = desired(manifest(manifest_yaml, [](Json& m) { m["instance_groups"][0]["vm_type"] = "large"; }));
  try {
    refuse_silent(changed, have, plan_for(changed, have).plan);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == code::agent_silent);
    const std::string text = error.what();
    CHECK(text.find(have.instances[1].record.name()) != std::string::npos);
    CHECK(text.find(have.instances[0].record.name()) == std::string::npos);
    CHECK(text.find("--fix") != std::string::npos);
  }
  changed.options.fix = true;
  refuse_silent(changed, have, plan_for(changed, have).plan);
  changed.options = {.only_instance = have.instances[0].record.id.value};
  refuse_silent(changed, have, plan_for(changed, have).plan);
}

}  // namespace forecast_test
