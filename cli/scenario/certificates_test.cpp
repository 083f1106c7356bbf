#include <doctest/doctest.h>

#include <signal.h>

#include <thread>

#include "cli/scenario/pks_lab.hpp"

// Certificates of clusters by the real slipway-pks-api and pks.

namespace slipway::cli::certificates_test {

namespace {

std::string update_mode(const Json& manifest) {
  return manifest.at("variables")[0].value("update_mode", std::string("none"));
}

}  // namespace

TEST_CASE("certificates are listed by the days they have left, and made anew on demand, once") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "kube")).exit_code == 0);
  CHECK(contains(admin.pks({"certificates", "demo"}).standard_output,
                 "No certificate of cluster demo expires within 180 days."));
  const auto listed = admin.pks({"certificates", "demo", "--days", "400"}).standard_output;
  CHECK(contains(listed, "Name              Type  Days Left  Valid until"));
  CHECK(contains(listed, "kubernetes_admin  Leaf  364"));
  const auto before = admin.json({"certificates", "demo", "-d", "400"});
  REQUIRE(before.size() == 1);
  CHECK(admin.pks({"certificates", "none"}).exit_code == 1);

  const auto made = lab.director.certificate("kubernetes_admin");
  CHECK(admin.pks({"rotate-certificates", "demo"}, "n\n").exit_code == 5);
  CHECK(lab.director.certificate("kubernetes_admin") == made);
  REQUIRE(admin.pks({"rotate-certs", "demo", "--wait", "--non-interactive"}).exit_code == 0);
  const auto rotated = lab.director.certificate("kubernetes_admin");
  CHECK(rotated != made);
  CHECK(update_mode(lab.director.manifest_of_only_deployment()) == "overwrite");

  // What follows is another order: it makes nothing anew.
  REQUIRE(admin.pks({"resize", "demo", "-n", "3", "--wait", "--non-interactive"}).exit_code == 0);
  CHECK(update_mode(lab.director.manifest_of_only_deployment()) == "none");
  CHECK(lab.director.certificate("kubernetes_admin") == rotated);
}

TEST_CASE("a rotation goes on after the API was killed, is refused while another order runs, and where nothing is") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "kube")).exit_code == 0);
  const auto made = lab.director.certificate("kubernetes_admin");
  lab.director.be_away(true);
  REQUIRE(admin.pks({"rotate-certificates", "demo", "--non-interactive"}).exit_code == 0);
  lab.stop(SIGKILL);
  lab.director.be_away(false);
  lab.director.hold(true);
  lab.start();
  lab.director.wait_for_tasks(2);
  const auto refused = admin.pks({"rotate-certificates", "demo", "--non-interactive"});
  CHECK(refused.exit_code == 1);
  CHECK(contains(refused.standard_error, "UPDATE is in progress"));
  lab.director.hold(false);
  const auto ended = [&] { return admin.json({"cluster", "demo"}).at("last_action_state") != "in progress"; };
  while (!ended()) std::this_thread::yield();
  CHECK(admin.json({"cluster", "demo"}).at("last_action_state") == "succeeded");
  CHECK(lab.director.certificate("kubernetes_admin") != made);
  CHECK(lab.director.submitted() == 2);
}

}  // namespace slipway::cli::certificates_test
