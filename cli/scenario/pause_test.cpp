#include <doctest/doctest.h>

#include <signal.h>

#include "cli/scenario/pks_lab.hpp"

// Upgrades of many that are paused, resumed, aborted and tried again, with the API killed among all that.

namespace slipway::cli::pause_test {

namespace {

// Three nodes each: there is a place between two of them.
void create_all(const User& user, const std::vector<std::string>& names) {
  for (const auto& name : names) REQUIRE(user.pks(create(name)).exit_code == 0);
}

std::string begin_upgrade(Lab& lab, const User& user, const std::string& clusters) {
  lab.director.upload("debian-bookworm", "1.2");
  const auto task = user.json({"upgrade-clusters", "--clusters", clusters, "--non-interactive"});
  return task.at("uuid").get<std::string>();
}

Json member(const Json& task, const std::string& name) {
  for (const auto& one : task.at("clusters")) {
    if (one.at("cluster_name") == name) return one;
  }
  FAIL("there is no cluster " << name << " in the task");
  return {};
}

std::string stemcell_of(const User& user, const std::string& cluster) {
  const auto details = user.json({"cluster", cluster, "--details"});
  return details.at("versions").at("stemcells").begin()->get<std::string>();
}

std::string state_of(const User& user, const std::string& cluster) {
  return user.json({"cluster", cluster}).at("last_action_state").get<std::string>();
}

void kill_and_start(Lab& lab) {
  lab.stop(SIGKILL);
  lab.start();
}

// Of clusters a and b, standing still in the middle of a's first node. `orders`: what the director had got before.
struct HeldUpgrade {
  Lab lab;
  const User admin = lab.logged_in("admin");
  std::size_t orders = 0;
  std::string id;

  HeldUpgrade() {
    create_all(admin, {"a", "b"});
    lab.director.hold_begun(true);
    orders = lab.director.submitted();
    id = begin_upgrade(lab, admin, "a,b");
    lab.director.wait_for_tasks(orders + 1);
  }
};

}  // namespace

TEST_CASE("a paused upgrade stops between two nodes and goes on from there in the same versions") {
  HeldUpgrade held;
  auto& [lab, admin, orders, id] = held;

  CHECK(contains(admin.pks({"pause-task", id}).standard_output, "pausing"));
  SUBCASE("") {}
  SUBCASE("the API is killed before it has stopped") { kill_and_start(lab); }
  CHECK(admin.json({"task", id}).at("phase") == "pausing");
  CHECK(state_of(admin, "a") == "in progress");
  lab.director.hold_begun(false);
  CHECK(admin.json({"pause-task", id, "--wait"}).at("phase") == "paused");
  SUBCASE("") {}
  SUBCASE("the API is killed while it is paused") { kill_and_start(lab); }
  const auto paused = admin.json({"task", id});
  CHECK(paused.at("status") == "in progress");
  CHECK(member(paused, "a").at("last_action_state") == "queued");
  CHECK(contains(member(paused, "a").at("last_action_description").get<std::string>(), "between two nodes"));
  CHECK(state_of(admin, "a") == "failed");  // not in progress: nobody works on it
  const auto failure = admin.json({"cluster", "a", "--details"}).at("failure");
  CHECK(failure.at("stopped") == true);
  CHECK(failure.at("reason") == "Stopped between two nodes, as was asked for");
  CHECK(lab.director.submitted() == orders + 1);

  lab.director.upload("debian-bookworm", "1.3");
  const auto said = admin.pks({"resume-task", id, "--wait"});
  INFO(said.standard_error);
  CHECK(said.exit_code == 0);
  CHECK(lab.director.submitted() == orders + 3);
  CHECK(stemcell_of(admin, "a") == "1.2");
  CHECK(stemcell_of(admin, "b") == "1.3");
  CHECK(admin.json({"task", id}).at("status") == "done");
}

TEST_CASE("an aborted upgrade stops between two nodes, and can be undone or tried again") {
  HeldUpgrade held;
  auto& [lab, admin, orders, id] = held;
  CHECK(admin.json({"abort-task", id}).at("phase") == "aborting");
  CHECK(contains(admin.pks({"retry-task", id}).standard_error, "still goes on"));
  kill_and_start(lab);
  lab.director.hold_begun(false);
  while (!admin.json({"task", id}).contains("end_time")) continue;
  const auto ended = admin.json({"task", id});
  CHECK(ended.at("status") == "canceled");
  CHECK(contains(admin.pks({"abort-task", id, "--wait"}).standard_error, "has ended"));
  CHECK(member(ended, "a").at("last_action_state") == "failed");
  CHECK(contains(member(ended, "a").at("last_action_description").get<std::string>(), "between two nodes"));
  CHECK(member(ended, "b").at("last_action_state") == "queued");
  CHECK(lab.director.submitted() == orders + 1);

  SUBCASE("undone") {
    CHECK(admin.pks({"upgrade-cluster", "a", "--rollback", "--wait", "--non-interactive"}).exit_code == 0);
    CHECK(stemcell_of(admin, "a") == "1.1");
  }
  SUBCASE("tried again") {
    CHECK(admin.pks({"retry-task", id, "--wait"}).exit_code == 0);
    CHECK(stemcell_of(admin, "a") == "1.2");
    CHECK(stemcell_of(admin, "b") == "1.2");
    CHECK(contains(admin.pks({"retry-task", id}).standard_error, "all succeeded"));
  }
}

TEST_CASE("what failed is tried again, and what succeeded is left alone") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  create_all(admin, {"a", "b"});
  lab.director.fail_tasks_of(admin.json({"cluster", "a"}).at("uuid").get<std::string>());
  const auto id = begin_upgrade(lab, admin, "a,b");
  CHECK(admin.pks({"resume-task", id}).exit_code == 1);  // it is not paused
  while (!admin.json({"task", id}).contains("end_time")) continue;
  CHECK(state_of(admin, "a") == "failed");
  CHECK(admin.pks({"retry-task", id, "--wait"}).exit_code == 3);
  lab.director.fail_tasks_of("");
  const auto orders = lab.director.submitted();
  CHECK(admin.pks({"retry-task", id, "--wait"}).exit_code == 0);
  CHECK(lab.director.submitted() == orders + 1);
  for (const auto* verb : {"pause-task", "resume-task", "abort-task"}) {
    const auto refused = admin.pks({verb, id});
    CHECK(refused.exit_code == 1);
    CHECK(refused.standard_error.size() > 10);
  }
}

TEST_CASE("a paused upgrade that is canceled says what was left half-way") {
  HeldUpgrade held;
  auto& [lab, admin, orders, id] = held;
  REQUIRE(admin.pks({"pause-task", id}).exit_code == 0);
  lab.director.hold_begun(false);
  REQUIRE(admin.pks({"pause-task", id, "--wait"}).exit_code == 0);
  CHECK(admin.pks({"cancel-task", id}).exit_code == 0);
  while (!admin.json({"task", id}).contains("end_time")) continue;
  const auto task = admin.json({"task", id});
  CHECK(member(task, "a").at("last_action_state") == "failed");
  CHECK(member(task, "b").at("last_action_state") == "queued");
}

TEST_CASE("a pause holds while the director is away, and nothing is begun when it is back") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  create_all(admin, {"a"});
  const auto orders = lab.director.submitted();
  lab.director.be_away(true);
  const auto id = begin_upgrade(lab, admin, "a");
  CHECK(admin.json({"pause-task", id, "--wait"}).at("phase") == "paused");
  CHECK(state_of(admin, "a") == "succeeded");
  lab.director.be_away(false);
  CHECK(admin.pks({"resume-task", id, "--wait"}).exit_code == 0);
  CHECK(lab.director.submitted() == orders + 1);
}

TEST_CASE("no cluster stays in progress however often the API is killed between pauses") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  create_all(admin, {"a", "b", "c"});
  const auto id = begin_upgrade(lab, admin, "a,b,c");
  for (int i = 0; i < 6; ++i) {
    // Refused once it has ended, which is as well.
    const auto answer = admin.call("POST", "/v1/tasks/" + id + (i % 2 == 0 ? "/pause" : "/resume")).status;
    CHECK((answer == 202 || answer == 409));
    kill_and_start(lab);
  }
  const auto last = admin.json({"task", id});
  if (!last.contains("end_time") && last.at("phase") != "running") {
    CHECK(admin.pks({"resume-task", id, "--wait"}).exit_code == 0);
  }
  while (!admin.json({"task", id}).contains("end_time")) continue;
  for (const auto* name : {"a", "b", "c"}) {
    CHECK(state_of(admin, name) == "succeeded");
    CHECK(stemcell_of(admin, name) == "1.2");
  }
}

}  // namespace slipway::cli::pause_test
