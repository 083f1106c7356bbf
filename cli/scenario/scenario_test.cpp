#include <doctest/doctest.h>

#include <signal.h>

#include <future>

#include "base/file.hpp"
#include "base/yaml.hpp"
#include "cli/scenario/pks_lab.hpp"
#include "pks-api/identity/tokens.hpp"

// The real slipway-pks-api and the real pks, as processes, before a fake director.

namespace slipway::cli::scenario_test {

namespace fs = std::filesystem;

TEST_CASE("a cluster lives from login to logout as the published grammar says") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  CHECK((fs::status(admin.home() / "creds.yml").permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(contains(admin.pks({"plans"}).standard_output, "Name   ID"));
  CHECK(admin.json({"plans"})[1].at("worker_instances") == 3);

  lab.director.hold_begun(true);
  const auto made = admin.pks(create("demo"), "", {}, [&](std::string_view line) {
    if (contains(std::string(line), "Updating instance")) lab.director.hold_begun(false);
  });
  INFO(made.standard_error);
  CHECK(made.exit_code == 0);
  CHECK(contains(made.standard_output, "Updating instance"));
  CHECK(contains(made.standard_output, "Last Action State:        succeeded"));
  CHECK(contains(made.standard_output, "Kubernetes Master IP(s):  10.0.0.10, 10.0.0.11, 10.0.0.12"));
  CHECK(contains(made.standard_output, "pks get-credentials demo"));
  CHECK(contains(admin.pks({"clusters"}).standard_output, "demo"));
  CHECK(contains(admin.pks({"cluster", "demo", "--details"}).standard_output, "service-instance-"));

  CHECK(admin.pks({"get-credentials", "demo"}).exit_code == 0);
  const auto env = read_file(admin.home() / "clusters/demo/env");
  CHECK(contains(env, "https://node-2.etcd.default.service-instance-"));
  CHECK(Json(read_file(admin.home() / "clusters/demo/client.key")) ==
        lab.director.certificate("etcd_client").at("private_key"));

  CHECK(admin.pks({"resize", "demo", "-n", "5", "--wait"}, "y\n").exit_code == 0);
  CHECK(lab.director.instances_of_only_deployment() == 5);
  CHECK(admin.json({"cluster", "demo"}).at("parameters").at("kubernetes_worker_instances") == 5);

  CHECK(admin.pks({"delete-cluster", "demo", "--wait", "--non-interactive"}).exit_code == 0);
  const auto gone = admin.pks({"cluster", "demo"});
  CHECK(gone.exit_code == 1);
  CHECK(contains(gone.standard_error, "not found"));
  CHECK(lab.director.deployments().empty());

  CHECK(admin.pks({"logout"}).exit_code == 0);
  CHECK_FALSE(fs::exists(admin.home() / "creds.yml"));
  CHECK(admin.pks({"clusters"}).exit_code == 1);
}

TEST_CASE("orders that cannot be carried out are refused with what is allowed, and nothing is left") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  auto even = create("demo", false);
  even.insert(even.end(), {"--num-nodes", "4"});
  const auto refused = admin.pks(even);
  CHECK(refused.exit_code == 1);
  CHECK(contains(refused.standard_error, "is 4, but plan 'small' allows an odd number from 1 to 7"));
  CHECK(contains(admin.pks({"create-cluster", "x", "-p", "large", "-e", "x.lab"}).standard_error,
                 "available: kube, small"));
  CHECK(admin.pks({"create-cluster", "Demo_1", "-p", "small", "-e", "x.lab"}).exit_code == 2);
  CHECK(admin.pks({"create-cluster", "demo"}).exit_code == 2);
  CHECK(admin.pks({"frobnicate"}).exit_code == 2);
  CHECK(admin.json({"clusters"}).empty());
  CHECK(lab.director.submitted() == 0);
}

TEST_CASE("only the right password, a fresh token or a refresh opens the API") {
  Lab lab;
  auto stranger = lab.user();
  const auto wrong = stranger.log_in("admin", "guess");
  CHECK(wrong.exit_code == 1);
  CHECK(contains(wrong.standard_error, "Bad credentials"));

  const auto admin = lab.logged_in("admin");
  const auto creds = admin.creds();
  const auto folder = fs::path(lab.folder());
  const auto issuer = parse_yaml(read_file(folder / "pks-api.yml"), "config").at("issuer").get<std::string>();
  const auto public_key = read_file(folder / "token.pub");
  const SystemClock clock;
  const pks::Claims claims{"user", "admin", "pks_cli", {"pks.clusters.admin"}, 1, "id"};

  SUBCASE("an expired token is replaced without a word") {
    const pks::Tokens tokens(issuer, Secret(read_file(folder / "token.key")), public_key);
    auto old = creds;
    old["access_token"] = tokens.sign(claims, clock.now() - std::chrono::hours(1), std::chrono::seconds(600));
    admin.set_creds(old);
    const auto result = admin.pks({"clusters"});
    CHECK(result.exit_code == 0);
    CHECK(result.standard_error.empty());
    CHECK(admin.creds().at("access_token") != old.at("access_token"));
  }
  SUBCASE("a token signed by another key is refused") {
    const pks::Tokens tokens(issuer, tls::create_rsa_key().private_key_pem, public_key);
    auto forged = creds;
    forged["access_token"] = tokens.sign(claims, clock.now(), std::chrono::seconds(600));
    forged["refresh_token"] = "";
    admin.set_creds(forged);
    const auto result = admin.pks({"clusters"});
    CHECK(result.exit_code == 1);
    CHECK(contains(result.standard_error, "log in again"));
  }
  SUBCASE("a refresh token is void after logout") {
    CHECK(admin.pks({"logout"}).exit_code == 0);
    auto stale = creds;
    stale["access_token"] = "none";
    admin.set_creds(stale);
    CHECK(admin.pks({"clusters"}).exit_code == 1);
  }
}

TEST_CASE("a manager sees and changes only what is his, a reader changes nothing") {
  Lab lab;
  lab.add_user("alana", {"pks.clusters.manage"});
  lab.add_user("naomi", {"pks.clusters.manage"});
  lab.add_user("robin", {"pks.clusters.admin.read"});
  const auto alana = lab.logged_in("alana");
  const auto naomi = lab.logged_in("naomi");
  const auto robin = lab.logged_in("robin");
  REQUIRE(alana.pks(create("hers")).exit_code == 0);

  CHECK(alana.json({"clusters"}).size() == 1);
  CHECK(naomi.json({"clusters"}).empty());
  CHECK(contains(naomi.pks({"cluster", "hers"}).standard_error, "not found"));
  CHECK(contains(naomi.pks({"delete-cluster", "hers", "--non-interactive"}).standard_error, "not found"));
  CHECK(contains(naomi.pks(create("hers", false)).standard_error, "already exists"));
  CHECK(robin.json({"clusters"}).size() == 1);
  CHECK(robin.pks({"get-credentials", "hers"}).exit_code == 1);
  CHECK(robin.pks({"delete-cluster", "hers", "--non-interactive"}).exit_code == 1);
  CHECK(robin.pks(create("his", false)).exit_code == 1);
  CHECK(lab.logged_in("admin").json({"clusters"}).size() == 1);
}

TEST_CASE("a creation goes on after the API was killed, and is submitted once") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  lab.director.hold(true);
  auto waiting = std::async(std::launch::async, [&] { return admin.pks(create("demo")); });
  lab.director.wait_for_tasks(1);
  lab.stop(SIGKILL);
  lab.start();
  CHECK(admin.json({"cluster", "demo"}).at("last_action_state") == "in progress");
  lab.director.hold(false);
  const auto result = waiting.get();
  INFO(result.standard_error);
  CHECK(result.exit_code == 0);
  CHECK(contains(result.standard_output, "succeeded"));
  CHECK(lab.director.submitted() == 1);
}

TEST_CASE("a failed creation says why, and can be tried again or deleted") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  lab.director.fail_tasks(true);
  const auto broken = admin.pks(create("demo"));
  CHECK(broken.exit_code == 3);
  CHECK(contains(broken.standard_error, "is not running after update"));
  CHECK(admin.json({"cluster", "demo"}).at("last_action_state") == "failed");

  SUBCASE("tried again") {
    lab.director.fail_tasks(false);
    CHECK(admin.pks(create("demo")).exit_code == 0);
    CHECK(lab.director.instances_of_only_deployment() == 3);
  }
  SUBCASE("deleted") {
    lab.director.fail_tasks(false);
    CHECK(admin.pks({"delete-cluster", "demo", "--wait", "--non-interactive"}).exit_code == 0);
    CHECK(admin.json({"clusters"}).empty());
  }
}

TEST_CASE("deleting stops a creation that is under way") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  lab.director.hold(true);
  REQUIRE(admin.pks(create("demo", false)).exit_code == 0);
  lab.director.wait_for_tasks(1);
  auto deleting = std::async(std::launch::async, [&] {
    return admin.pks({"delete-cluster", "demo", "--wait", "--non-interactive"});
  });
  lab.director.wait_for_tasks(2);
  lab.director.hold(false);
  CHECK(deleting.get().exit_code == 0);
  CHECK(lab.director.deployments().empty());
}

TEST_CASE("while the director is away an order waits and says so") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  lab.director.be_away(true);
  auto impatient = create("demo");
  impatient.insert(impatient.end(), {"--timeout", "2"});
  CHECK(admin.pks(impatient).exit_code == 4);
  const auto cluster = admin.json({"cluster", "demo"});
  CHECK(cluster.at("last_action_state") == "in progress");
  CHECK(contains(cluster.at("last_action_description").get<std::string>(), "waiting for the director"));
  lab.director.be_away(false);
  lab.director.wait_for_tasks(1);
  CHECK(lab.director.submitted() == 1);
}

TEST_CASE("a task that the director has forgotten is submitted again") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  lab.director.hold(true);
  auto waiting = std::async(std::launch::async, [&] { return admin.pks(create("demo")); });
  lab.director.wait_for_tasks(1);
  lab.director.forget_tasks();
  lab.director.wait_for_tasks(2);
  lab.director.hold(false);
  CHECK(waiting.get().exit_code == 0);
}

TEST_CASE("a question answered with no changes nothing") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo")).exit_code == 0);
  CHECK(admin.pks({"delete-cluster", "demo"}, "n\n").exit_code == 5);
  CHECK(admin.pks({"resize", "demo", "-n", "5"}, "").exit_code == 5);
  CHECK(admin.json({"cluster", "demo"}).at("last_action") == "CREATE");
}

}  // namespace slipway::cli::scenario_test
