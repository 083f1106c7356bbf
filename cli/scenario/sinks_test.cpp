#include <doctest/doctest.h>

#include <signal.h>

#include "base/file.hpp"
#include "cli/scenario/pks_lab.hpp"
#include "test/authority.hpp"

// Where the logs of clusters go, by the real slipway-pks-api and pks.

namespace slipway::cli::sinks_test {

namespace {

std::vector<std::string> create_sink(const std::string& name, const std::string& url, std::vector<std::string> more = {}) {
  std::vector<std::string> words = {"create-sink", "demo", "--name", name, url, "--wait", "--non-interactive"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// Of the job that sends them, on the nodes; null where there is none.
Json destinations(FakeDirector& director) {
  const auto manifest = director.manifest_of_only_deployment();
  for (const auto& job : manifest.at("instance_groups").at(1).at("jobs")) {
    if (job.at("name") == "log_sinks") return job.at("properties").at("syslog").at("destinations");
  }
  return nullptr;
}

Json names_of(const Json& list) {
  Json names = Json::array();
  for (const auto& one : list) names.push_back(one.at("name"));
  return names;
}

Json release_names(FakeDirector& director) { return names_of(director.manifest_of_only_deployment().at("releases")); }

}  // namespace

TEST_CASE("sinks are made, listed and deleted by updates of the cluster, and survive the others") {
  Lab lab;
  lab.director.upload("syslog", "1.0.0");
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "kube")).exit_code == 0);
  CHECK(release_names(lab.director) == Json{"kubernetes"});
  CHECK(destinations(lab.director).is_null());

  const auto declined = admin.pks({"create-sink", "demo", "--name", "audit", "syslog-tls://logs.lab"}, "n\n");
  CHECK(declined.exit_code == 5);
  CHECK(contains(declined.standard_error, "sinks: - -> audit=syslog-tls://logs.lab:6514"));
  CHECK(admin.json({"sinks", "demo"}).empty());

  const auto pem = test::Authority("CA of a sink").ca().certificate_pem;
  write_file_atomically(admin.home() / "ca.crt", pem);
  const auto made = admin.pks(create_sink("audit", "syslog-tls://logs.lab"));
  INFO(made.standard_error);
  REQUIRE(made.exit_code == 0);
  REQUIRE(admin.pks(create_sink("own", "syslog-tls://10.0.0.9:7000", {"--ca-cert", (admin.home() / "ca.crt").string(),
                                                                      "--permitted-peer", "*.lab"}))
              .exit_code == 0);
  const auto listed = admin.pks({"sinks", "demo"}).standard_output;
  CHECK(contains(listed, "Name   URL                         CA          Permitted Peer\n"));
  CHECK(contains(listed, "audit  syslog-tls://logs.lab:6514  the nodes'  logs.lab\n"));
  CHECK(contains(listed, "own    syslog-tls://10.0.0.9:7000  own         *.lab\n"));
  CHECK(contains(admin.pks({"cluster", "demo", "--details"}).standard_output, "audit=syslog-tls://logs.lab:6514, own="));
  const auto audit_log = read_file(lab.folder() + "/state/audit.log");
  CHECK(contains(audit_log, "POST /v1/clusters/{name}/sinks"));

  SUBCASE("a resize after the API was killed") {
    lab.stop(SIGKILL);
    lab.start();
    CHECK(admin.pks({"resize", "demo", "-n", "3", "--wait", "--non-interactive"}).exit_code == 0);
  }
  SUBCASE("an upgrade, which brings a newer release of them") {
    lab.director.upload("syslog", "1.1.0");
    CHECK(admin.pks({"upgrade-cluster", "demo", "--wait", "--non-interactive"}).exit_code == 0);
    CHECK(lab.director.manifest_of_only_deployment().at("releases").at(1).at("version") == "1.1.0");
  }
  SUBCASE("other certificates") {
    CHECK(admin.pks({"rotate-certificates", "demo", "--wait", "--non-interactive"}).exit_code == 0);
  }
  CHECK(destinations(lab.director) ==
        Json::array({{{"name", "audit"}, {"address", "logs.lab"}, {"port", 6514}},
                     {{"name", "own"}, {"address", "10.0.0.9"}, {"port", 7000}, {"ca_cert", pem}, {"permitted_peer", "*.lab"}}}));
  CHECK(release_names(lab.director) == Json{"kubernetes", "syslog"});

  CHECK(admin.pks({"delete-sink", "demo", "audit"}, "n\n").exit_code == 5);
  REQUIRE(admin.pks({"delete-sink", "demo", "audit", "--wait", "--non-interactive"}).exit_code == 0);
  CHECK(names_of(destinations(lab.director)) == Json{"own"});
  REQUIRE(admin.pks({"delete-sink", "demo", "own", "--wait", "--non-interactive"}).exit_code == 0);
  CHECK(destinations(lab.director).is_null());
  CHECK(release_names(lab.director) == Json{"kubernetes"});
}

TEST_CASE("a sink that cannot be is refused before anything is done") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "kube")).exit_code == 0);
  const auto orders = lab.director.submitted();
  const auto refused = [&](const std::vector<std::string>& words, int exit_code, const std::string& part) {
    const auto said = admin.pks(words);
    INFO(said.standard_error);
    CHECK(said.exit_code == exit_code);
    CHECK(contains(said.standard_error, part));
  };
  for (const auto* url : {"syslog://logs.lab", "logs.lab:6514", "syslog-tls://", "syslog-tls://logs.lab:no",
                          "syslog-tls://logs.lab:6514/path", "syslog-tls://user@logs.lab"})
    refused(create_sink("audit", url), 2, "expected is syslog-tls://HOST or syslog-tls://HOST:PORT");
  refused({"create-sink", "demo", "syslog-tls://logs.lab"}, 2, "name");
  refused({"create-sink", "demo", "--name", "audit"}, 2, "URL is missing");
  refused({"delete-sink", "demo"}, 2, "SINK-NAME is missing");
  refused({"delete-sink", "demo", "none", "--non-interactive"}, 1, "Sink none of cluster demo not found");
  refused(create_sink("audit", "syslog-tls://logs.lab:70000"), 1, "port");
  refused(create_sink("Audit", "syslog-tls://logs.lab"), 1, "name: is 'Audit', allowed are");
  refused(create_sink("audit", "syslog-tls://logs.lab", {"--ca-cert", "/etc/hostname"}), 1, "ca_cert: is no PEM certificate");
  refused(create_sink("audit", "syslog-tls://logs.lab"), 1, "release 'syslog': the director has no version 'latest' of it");
  CHECK(lab.director.submitted() == orders);
  CHECK(admin.json({"cluster", "demo"}).at("last_action") == "CREATE");
}

TEST_CASE("a cluster whose plan has no use for sinks says so, and one that was made before says to upgrade") {
  Lab lab;
  lab.director.upload("syslog", "1.0.0");
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "small")).exit_code == 0);
  const auto sink = create_sink("audit", "syslog-tls://logs.lab");
  CHECK(contains(admin.pks(sink).standard_error, "plan 'small' has no use for it"));
  lab.stop(SIGTERM);
  lab.edit_plan("small", [](Json& plan) {
    auto& manifest = plan["manifest"];
    manifest["releases"].push_back({{"name", "syslog"}, {"version", "latest"}});
    manifest["instance_groups"][0]["jobs"].push_back(
        {{"name", "log_sinks"}, {"release", "syslog"}, {"properties", {{"syslog", {{"destinations", "((sinks))"}}}}}});
  });
  lab.start();
  CHECK(contains(admin.pks(sink).standard_error, "had no use for sinks; upgrade the cluster first"));
  REQUIRE(admin.pks({"upgrade-cluster", "demo", "--wait", "--non-interactive"}).exit_code == 0);
  CHECK(release_names(lab.director) == Json{"etcd"});
  REQUIRE(admin.pks(sink).exit_code == 0);
  CHECK(release_names(lab.director) == Json{"etcd", "syslog"});
}

TEST_CASE("a cluster can be created with its sinks") {
  Lab lab;
  lab.director.upload("syslog", "1.0.0");
  const auto admin = lab.logged_in("admin");
  const Json sinks = Json::array({{{"name", "audit"}, {"host", "logs.lab"}}});
  REQUIRE(admin.call("POST", "/v1/clusters", {{"name", "demo"},
                                              {"plan_name", "kube"},
                                              {"parameters", {{"kubernetes_master_host", "demo.lab"}, {"sinks", sinks}}}})
              .status == 202);
  lab.director.wait_for_tasks(1);
  CHECK(names_of(destinations(lab.director)) == Json{"audit"});
}

}  // namespace slipway::cli::sinks_test
