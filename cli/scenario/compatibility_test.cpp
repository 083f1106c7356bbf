#include <doctest/doctest.h>

#include "cli/scenario/pks_lab.hpp"

// What scripts and programs made for the PKS API rely on.

namespace slipway::cli::compatibility_test {

TEST_CASE("the generated client of the PKS 1.7 API understands every answer") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  ProcessSpec spec;
  spec.argv = {"cli/scenario/cse-client", CSE_CLIENT_FOLDER, admin.creds().at("api").get<std::string>(),
               lab.folder() + "/ca.crt"};
  spec.env["HOME"] = admin.home().string();
  spec.standard_input = admin.creds().at("access_token").get<std::string>() + "\n";
  spec.timeout = std::chrono::seconds(300);
  const auto result = run(spec);
  INFO(result.standard_error);
  CHECK(result.standard_output == "the client understood everything\n");
}

TEST_CASE("a pipeline logs in as a client, and reads addresses and its token where it always did") {
  Lab lab;
  lab.api_program({"client", "add", "pipeline", "--scope", "pks.clusters.manage"}, "pipeline-secret\n");
  const auto pipeline = lab.user();
  const auto api = lab.logged_in("admin").creds().at("api").get<std::string>();
  REQUIRE(pipeline
              .pks({"login", "-a", api, "--client-name", "pipeline", "--ca-cert", lab.folder() + "/ca.crt"},
                   "", {{"PKS_CLIENT_SECRET", "pipeline-secret"}})
              .exit_code == 0);
  CHECK_FALSE(pipeline.creds().at("access_token").get<std::string>().empty());
  REQUIRE(pipeline.pks(create("demo", true, "kube")).exit_code == 0);
  const auto cluster = pipeline.json({"cluster", "demo"});
  CHECK(cluster.at("kubernetes_master_ips")[0] == "10.0.0.10");
  CHECK(cluster.at("parameters").at("kubernetes_master_host") == "demo.lab");
  CHECK(cluster.at("last_action_state") == "succeeded");
}

TEST_CASE("right after an order its action is seen, whatever the director does") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  lab.director.hold(true);
  REQUIRE(admin.pks(create("demo", false)).exit_code == 0);
  CHECK(admin.json({"cluster", "demo"}).at("last_action") == "CREATE");
  CHECK(admin.json({"cluster", "demo"}).at("kubernetes_master_ips") == Json{"In Progress"});
  lab.director.be_away(true);
  CHECK(admin.call("DELETE", "/v1/clusters/demo").status == 204);
  CHECK(admin.json({"cluster", "demo"}).at("last_action") == "DELETE");
  lab.director.be_away(false);
  lab.director.hold(false);
}

}  // namespace slipway::cli::compatibility_test
