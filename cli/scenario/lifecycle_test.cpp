#include <doctest/doctest.h>

#include <signal.h>

#include <future>

#include "base/yaml.hpp"
#include "cli/scenario/pks_lab.hpp"

// Day two: updates, upgrades of one cluster and of many, and what survives them.

namespace slipway::cli::lifecycle_test {

namespace {

Json group(const Json& manifest, const std::string& name) {
  for (const auto& one : manifest.at("instance_groups")) {
    if (one.at("name") == name) return one;
  }
  FAIL("there is no group " << name);
  return {};
}

Json drain(FakeDirector& director) {
  return group(director.manifest_of_only_deployment(), "worker").at("jobs")[0].at("properties").at("drain");
}

std::string release_version(FakeDirector& director) {
  return director.manifest_of_only_deployment().at("releases")[0].at("version").get<std::string>();
}

Json member(const Json& task, const std::string& name) {
  for (const auto& one : task.at("clusters")) {
    if (one.at("cluster_name") == name) return one;
  }
  FAIL("there is no cluster " << name << " in the task");
  return {};
}

std::vector<std::string> upgrade_all(const std::string& clusters) {
  return {"upgrade-clusters", "--clusters", clusters, "--non-interactive"};
}

std::string state_of(const User& user, const std::string& cluster) {
  return user.json({"cluster", cluster}).at("last_action_state").get<std::string>();
}

// Small clusters, so that tests of many stay short.
void create_all(const User& user, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    auto words = create(name);
    words.insert(words.end(), {"--num-nodes", "1"});
    REQUIRE(user.pks(words).exit_code == 0);
  }
}

}  // namespace

TEST_CASE("every setting of a cluster survives every operation") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  auto words = create("demo", true, "kube");
  words.insert(words.end(), {"--tags", "team:blue, cost:42"});
  REQUIRE(admin.pks(words).exit_code == 0);
  CHECK(drain(lab.director) == Json{{"timeout", 20}, {"force", false}});  // the plan's own
  CHECK(lab.director.manifest_of_only_deployment().at("tags") == Json{{"team", "blue"}, {"cost", "42"}});

  const auto said = admin.pks({"update-cluster", "demo", "--kubelet-drain-timeout", "30", "--wait"}, "y\n");
  CHECK(said.exit_code == 0);
  CHECK(contains(said.standard_error, "kubelet_drain_timeout: - -> 30"));
  CHECK(drain(lab.director).at("timeout") == 30);
  CHECK(admin.call("PATCH", "/v1/clusters/demo", {{"insecure_registries", {"registry.lab:5000"}}}).status ==
        202);
  lab.director.wait_for_tasks(3);
  while (state_of(admin, "demo") == "in progress") continue;

  SUBCASE("a resize") {
    CHECK(admin.pks({"resize", "demo", "-n", "3", "--wait", "--non-interactive"}).exit_code == 0);
  }
  SUBCASE("a resize after the API was killed") {
    lab.stop(SIGKILL);
    lab.start();
    CHECK(admin.pks({"resize", "demo", "-n", "3", "--wait", "--non-interactive"}).exit_code == 0);
  }
  SUBCASE("an upgrade") {
    lab.director.upload("debian-bookworm", "1.2");
    CHECK(admin.pks({"upgrade-cluster", "demo", "--wait", "--non-interactive"}).exit_code == 0);
    CHECK(lab.director.manifest_of_only_deployment().at("stemcells")[0].at("version") == "1.2");
  }
  SUBCASE("an update that fails, and one after it") {
    lab.director.fail_tasks(true);
    CHECK(admin.pks({"resize", "demo", "-n", "3", "--wait", "--non-interactive"}).exit_code == 3);
    lab.director.fail_tasks(false);
    CHECK(admin.pks({"resize", "demo", "-n", "1", "--wait", "--non-interactive"}).exit_code == 0);
  }
  const auto manifest = lab.director.manifest_of_only_deployment();
  CHECK(manifest.at("tags") == Json{{"team", "blue"}, {"cost", "42"}});
  CHECK(drain(lab.director) == Json{{"timeout", 30}, {"force", false}});
  CHECK(group(manifest, "worker").at("jobs")[0].at("properties").at("registries") ==
        Json{"registry.lab:5000"});
  const auto parameters = admin.json({"cluster", "demo", "--details"}).at("parameters");
  CHECK(parameters.at("kubernetes_setting_cluster_details") == Json{{"kubelet_drain_timeout", "30"}});
  CHECK(parameters.at("kubernetes_setting_plan_details").at("kubelet_drain_timeout") == "20");
}

TEST_CASE("the details of a cluster tell what the health monitor did about its nodes, and why not more") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "kube")).exit_code == 0);
  CHECK(admin.json({"cluster", "demo", "--details"}).at("repairs").empty());
  lab.director.tell_of_repair("reboot", "worker/a", "no heartbeat");
  lab.director.tell_of_repair("hold", "", "meltdown: 3 of 5 are down");
  const auto repairs = admin.json({"cluster", "demo", "--details"}).at("repairs");
  REQUIRE(repairs.size() == 2);
  CHECK(repairs[1] == Json{{"at", "2023-11-14T22:13:20Z"},
                           {"action", "reboot"},
                           {"instance", "worker/a"},
                           {"reason", "no heartbeat"},
                           {"error", ""}});
  const auto shown = admin.pks({"cluster", "demo", "--details"}).standard_output;
  CHECK(contains(shown, "  2023-11-14T22:13:21Z  hold: meltdown: 3 of 5 are down\n"
                        "  2023-11-14T22:13:20Z  reboot worker/a: no heartbeat\n"));

  lab.director.be_away(true);
  const auto without = admin.pks({"cluster", "demo", "--details"});
  CHECK(without.exit_code == 0);
  CHECK(contains(without.standard_output, "Repairs:"));
  CHECK(contains(without.standard_output, "not known: "));
}

TEST_CASE("what the operator changes reaches a cluster only when somebody asks for an upgrade") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "kube")).exit_code == 0);
  CHECK(admin.json({"cluster", "demo"}).at("available_upgrades").empty());
  lab.stop(SIGTERM);
  lab.edit_plan("kube", [](Json& plan) {
    plan["kubernetes_version"] = "1.35.1";
    plan["manifest"]["instance_groups"][1]["jobs"][0]["properties"]["new"] = true;
  });
  lab.director.upload("kubernetes", "1.35.1");
  lab.start();

  REQUIRE(admin.pks({"resize", "demo", "-n", "3", "--wait", "--non-interactive"}).exit_code == 0);
  CHECK(release_version(lab.director) == "1.34.2");
  CHECK_FALSE(contains(dump(lab.director.manifest_of_only_deployment()), "\"new\""));
  const auto before = admin.json({"cluster", "demo"});
  CHECK(before.at("k8s_version") == "1.34.2");
  CHECK(before.at("available_upgrades") ==
        Json::array({{{"component", "kubernetes"}, {"version", "1.35.1"}}}));

  const auto declined = admin.pks({"upgrade-cluster", "demo"}, "n\n");
  CHECK(declined.exit_code == 5);
  CHECK(contains(declined.standard_error, "kubernetes: 1.34.2 -> 1.35.1"));
  CHECK(contains(declined.standard_error, "instance_groups[1].jobs[0].properties.new has changed"));
  CHECK(contains(declined.standard_error, "cannot be rolled back"));
  CHECK(release_version(lab.director) == "1.34.2");

  CHECK(admin.pks({"upgrade-cluster", "demo", "--wait", "--non-interactive"}).exit_code == 0);
  CHECK(release_version(lab.director) == "1.35.1");
  CHECK(lab.director.instances_of_only_deployment() == 4);
  const auto after = admin.json({"cluster", "demo"});
  CHECK(after.at("last_action") == "UPGRADE");
  CHECK(after.at("k8s_version") == "1.35.1");
  CHECK(after.at("available_upgrades").empty());
  CHECK(
      contains(admin.pks({"upgrade-cluster", "demo", "--non-interactive"}).standard_error, "is up to date"));
}

TEST_CASE("Kubernetes is upgraded by one minor version at most, and never back") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "kube")).exit_code == 0);
  const auto tasks = lab.director.submitted();
  std::string version;
  SUBCASE("too far") { version = "1.36.0"; }
  SUBCASE("back") { version = "1.33.9"; }
  lab.director.upload("kubernetes", version);
  lab.stop(SIGTERM);
  lab.edit_plan("kube", [&](Json& plan) { plan["manifest"]["releases"][0]["version"] = version; });
  lab.start();
  const auto refused = admin.call("POST", "/v1/clusters/demo/upgrade");
  CHECK(refused.status == 400);
  CHECK(contains(refused.json().at("body").get<std::string>(),
                 "runs Kubernetes 1.34.2 and its plan now brings " + version));
  CHECK(state_of(admin, "demo") == "succeeded");
  CHECK(lab.director.submitted() == tasks);
}

TEST_CASE("an upgrade that failed names the node and what to do, and can be gone on with or undone") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "kube")).exit_code == 0);
  lab.director.upload("debian-bookworm", "1.2");
  lab.director.fail_tasks(true);
  const auto broken = admin.pks({"upgrade-cluster", "demo", "--wait", "--non-interactive"});
  CHECK(broken.exit_code == 3);
  CHECK(contains(broken.standard_error, "Updating instance, etcd/1: 'etcd/1' is not running after update"));
  CHECK(contains(broken.standard_error, "pks upgrade-cluster --rollback"));
  const auto details = admin.json({"cluster", "demo", "--details"});
  CHECK(details.at("failure").at("step") == "etcd/1");
  CHECK(contains(admin.pks({"cluster", "demo", "--details"}).standard_output, "Failed At:"));
  lab.director.fail_tasks(false);

  SUBCASE("gone on with") {
    CHECK(admin.pks({"upgrade-cluster", "demo", "--wait", "--non-interactive"}).exit_code == 0);
    CHECK(lab.director.manifest_of_only_deployment().at("stemcells")[0].at("version") == "1.2");
  }
  SUBCASE("undone") {
    CHECK(admin.pks({"upgrade-cluster", "demo", "--rollback", "--wait", "--non-interactive"}).exit_code == 0);
    CHECK(lab.director.manifest_of_only_deployment().at("stemcells")[0].at("version") == "1.1");
    CHECK(contains(admin.pks({"upgrade-cluster", "demo", "--rollback", "--non-interactive"}).standard_error,
                   "no failed upgrade"));
  }
  CHECK(admin.json({"cluster", "demo", "--details"}).at("failure").is_null());
}

TEST_CASE("many clusters are upgraded canaries first, so many at a time, each with its outcome") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  create_all(admin, {"a", "b", "c", "d"});
  lab.director.upload("debian-bookworm", "1.2");

  SUBCASE("all is well") {
    auto words = upgrade_all("a,b,c");
    words.insert(words.end(), {"--canaries", "d", "--max-in-flight", "2", "--wait"});
    const auto said = admin.pks(words);
    INFO(said.standard_error);
    CHECK(said.exit_code == 0);
    const auto canary_ended = said.standard_output.find("cluster d succeeded");
    CHECK(canary_ended != std::string::npos);
    CHECK(said.standard_output.find("cluster a has begun") > canary_ended);
    for (const auto* name : {"a", "b", "c", "d"})
      CHECK(admin.json({"cluster", name}).at("last_action") == "UPGRADE");
    const auto tasks = admin.json({"tasks"});
    REQUIRE(tasks.size() == 1);
    CHECK(tasks[0].at("status") == "done");
    CHECK(member(tasks[0], "d").at("is_canary") == true);
    // A second time there is nothing to do, and nothing is done.
    const auto orders = lab.director.submitted();
    CHECK(admin.pks(words).exit_code == 0);
    CHECK(lab.director.submitted() == orders);
  }
  SUBCASE("a canary fails") {
    const auto victim = admin.json({"cluster", "d"}).at("uuid").get<std::string>();
    lab.director.fail_tasks_of(victim);
    auto words = upgrade_all("a,b");
    words.insert(words.end(), {"--canaries", "c,d", "--wait"});
    const auto said = admin.pks(words);
    CHECK(said.exit_code == 3);
    CHECK(contains(said.standard_output, "cluster d failed"));
    CHECK(
        contains(said.standard_output, "cluster a was not begun: not begun: the upgrade of a canary failed"));
    CHECK(admin.json({"cluster", "a"}).at("last_action") == "CREATE");
    CHECK(admin.json({"tasks"})[0].at("status") == "done");
  }
  SUBCASE("one of the others fails, and the rest goes on") {
    lab.director.fail_tasks_of(admin.json({"cluster", "a"}).at("uuid").get<std::string>());
    auto words = upgrade_all("a,b");
    words.push_back("--wait");
    CHECK(admin.pks(words).exit_code == 3);
    CHECK(state_of(admin, "a") == "failed");
    CHECK(admin.json({"cluster", "b"}).at("last_action") == "UPGRADE");
  }
  SUBCASE("it is canceled, and the API is killed meanwhile") {
    lab.director.hold(true);
    const auto begun = lab.director.submitted();
    REQUIRE(admin.pks(upgrade_all("a,b,c")).exit_code == 0);
    lab.director.wait_for_tasks(begun + 1);
    lab.stop(SIGKILL);
    lab.start();
    const auto id = admin.json({"tasks"})[0].at("uuid").get<std::string>();
    CHECK(admin.pks({"cancel-task", id}).exit_code == 0);
    CHECK(admin.json({"task", id}).at("status") == "canceled");
    lab.director.hold(false);
    while (!admin.json({"task", id}).contains("end_time")) continue;
    const auto task = admin.json({"task", id});
    CHECK(task.at("status") == "canceled");
    CHECK(member(task, "a").at("last_action_state") == "succeeded");
    CHECK(member(task, "b").at("last_action_state") == "queued");
    CHECK(lab.director.submitted() == begun + 1);
    CHECK(contains(admin.pks({"cancel-task", id}).standard_output, "canceled"));
  }
  SUBCASE("the API is killed meanwhile, and goes on without beginning anything twice") {
    lab.director.hold(true);
    const auto begun = lab.director.submitted();
    REQUIRE(admin.pks(upgrade_all("a,b")).exit_code == 0);
    lab.director.wait_for_tasks(begun + 1);
    lab.stop(SIGKILL);
    lab.director.hold(false);
    lab.start();
    const auto id = admin.json({"tasks"})[0].at("uuid").get<std::string>();
    while (!admin.json({"task", id}).contains("end_time")) continue;
    CHECK(admin.json({"task", id}).at("status") == "done");
    CHECK(lab.director.submitted() == begun + 2);
  }
}

TEST_CASE("a fleet has to be the caller's own, and tasks of others do not exist for him") {
  Lab lab;
  lab.add_user("alana", {"pks.clusters.manage"});
  lab.add_user("naomi", {"pks.clusters.manage"});
  const auto alana = lab.logged_in("alana"), naomi = lab.logged_in("naomi");
  create_all(alana, {"hers"});
  CHECK(contains(naomi.pks(upgrade_all("hers")).standard_error, "not found"));
  CHECK(naomi.pks(upgrade_all("")).exit_code == 2);
  CHECK(alana.call("PATCH", "/v1/clusters", {{"clusters", {"hers", "hers"}}}).status == 400);
  CHECK(alana.call("PATCH", "/v1/clusters", {{"clusters", Json::array()}}).status == 400);
  CHECK(alana.call("PATCH", "/v1/clusters", {{"clusters", {"hers"}}, {"max_in_flight", 0}}).status == 400);
  CHECK(naomi.json({"tasks"}).empty());
  REQUIRE(alana.pks(upgrade_all("hers")).exit_code == 0);
  const auto id = alana.json({"tasks"})[0].at("uuid").get<std::string>();
  CHECK(naomi.json({"tasks"}).empty());
  CHECK(contains(naomi.pks({"task", id}).standard_error, "not found"));
  CHECK(contains(naomi.pks({"cancel-task", id}).standard_error, "not found"));
  CHECK(alana.pks({"task", "none"}).exit_code == 1);
}

TEST_CASE("orders that make no sense change nothing and say what is allowed") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "kube")).exit_code == 0);
  REQUIRE(admin.pks(create("store")).exit_code == 0);
  const auto orders = lab.director.submitted();
  const auto refused = [&](const std::string& cluster, const Json& update, int status,
                           const std::string& part) {
    const auto answer = admin.call("PATCH", "/v1/clusters/" + cluster, update);
    INFO(dump(update));
    CHECK(answer.status == status);
    CHECK(contains(answer.json().at("body").get<std::string>(), part));
  };
  refused("demo", Json::object(), 400, "names nothing to change");
  refused("demo", {{"colour", "blue"}}, 400, "unknown key");
  refused("demo", {{"kubernetes_worker_instances", 0}}, 400, "allows a number from 1 to 5");
  refused("demo", {{"kubernetes_worker_instances", "many"}}, 400, "whole number");
  refused("demo", {{"kubelet_drain_timeout", "-1"}}, 400, "a number from 0 to 1440");
  refused("demo", {{"kubelet_drain_force", "maybe"}}, 400, "true or false");
  refused("demo", {{"kubelet_drain_grace_period", "5"}}, 400, "has no use for it");
  refused("store", {{"kubelet_drain_timeout", "5"}}, 400, "plan 'small' has no use for it");
  refused("demo", {{"insecure_registries", {"http://x/y"}}}, 400, "HOST:PORT");
  refused("demo", {{"cluster_tags", Json::array({{{"name", "director"}, {"value", "x"}}})}}, 400,
          "the director's own tag");
  refused("demo", {{"cluster_tags", Json::array({{{"name", "a"}}, {{"name", "a"}}})}}, 400, "twice");
  refused("demo", {{"cluster_tags", Json::array({{{"name", "a"}, {"value", std::string(81, 'x')}}})}}, 400,
          "more than 80");
  // The director would put another deployment's secret there.
  refused("demo", {{"cluster_tags", Json::array({{{"name", "a"}, {"value", "((/slipway/other/kubernetes_ca))"}}})}}, 400,
          "cluster_tags[0].value: has '(('");
  refused("demo", {{"kubernetes_profile_name", "none"}}, 400, "does not exist");
  refused("none", {{"kubernetes_worker_instances", 3}}, 404, "not found");
  CHECK(
      admin.call("PATCH", "/v1/clusters/demo?dry_run=perhaps", {{"kubernetes_worker_instances", 3}}).status ==
      400);
  CHECK(admin.pks({"update-cluster", "demo"}).exit_code == 2);
  CHECK(admin.pks({"update-cluster", "demo", "--tags", "nonsense"}).exit_code == 2);
  CHECK(lab.director.submitted() == orders);
  CHECK(admin.json({"cluster", "demo"}).at("last_action") == "CREATE");

  const auto same = admin.pks({"update-cluster", "demo", "-n", "2", "--non-interactive"});
  CHECK(same.exit_code == 0);
  CHECK(contains(same.standard_error, "Nothing was changed"));
  const auto fewer = admin.pks({"update-cluster", "demo", "-n", "1"}, "n\n");
  CHECK(fewer.exit_code == 5);
  CHECK(contains(fewer.standard_error, "1 node is drained and deleted"));
  CHECK(lab.director.submitted() == orders);
}

TEST_CASE("of many who create the same name or host name at once, one gets it") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  std::vector<std::future<int>> answers;
  for (int i = 0; i < 12; ++i) {
    answers.push_back(std::async(std::launch::async, [&admin, i] {
      const auto own = std::to_string(i);
      const Json parameters = {{"kubernetes_master_host", i % 2 == 0 ? "same.lab" : "host-" + own + ".lab"}};
      return admin
          .call("POST", "/v1/clusters",
                {{"name", i % 2 == 0 ? "name-" + own : "same"},
                 {"plan_name", "small"},
                 {"parameters", parameters}})
          .status;
    }));
  }
  std::map<int, int> count;
  for (auto& answer : answers) ++count[answer.get()];
  CHECK(count == std::map<int, int>{{202, 2}, {409, 10}});
  CHECK(admin.json({"clusters"}).size() == 2);
}

TEST_CASE("a creation is refused for what nobody could fulfil, and nothing is left of it") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  const auto refused = [&](Json parameters, const std::string& part) {
    parameters["kubernetes_master_host"] = parameters.value("kubernetes_master_host", "demo.lab");
    const auto answer = admin.call("POST", "/v1/clusters",
                                   {{"name", "demo"}, {"plan_name", "kube"}, {"parameters", parameters}});
    INFO(dump(parameters));
    CHECK(answer.status == 400);
    CHECK(contains(answer.json().at("body").get<std::string>(), part));
  };
  refused({{"kubernetes_worker_instances", 6}}, "allows a number from 1 to 5");
  refused({{"kubernetes_master_host", "not a host"}}, "no host name");
  refused({{"kubernetes_master_host", std::string(5000, 'a')}}, "no host name");
  refused({{"kubernetes_master_port", 1234}}, "is the plan's: 8443");
  refused({{"nsxt_network_profile", "x"}}, "not supported");
  refused({{"authorization_mode", "ABAC"}}, "allowed is RBAC");
  refused({{"custom_ca_certs", Json::array({{{"domain_name", "a.lab"}, {"ca_cert", "no"}}})}},
          "no PEM certificate");
  refused({{"cluster_tags", Json::array({{{"name", "a"}, {"value", "x((y))"}}})}}, "cluster_tags[0].value: has '(('");
  refused({{"speed", 1}}, "unknown key");
  CHECK(admin.call("POST", "/v1/clusters", Json::array()).status == 400);
  CHECK(admin.json({"clusters"}).empty());
  CHECK(lab.director.submitted() == 0);
}

}  // namespace slipway::cli::lifecycle_test
