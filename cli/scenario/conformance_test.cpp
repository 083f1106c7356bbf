#include <doctest/doctest.h>

#include "cli/scenario/pks_lab.hpp"

// The API's document, by those who believe every word of it.

namespace slipway::cli::conformance_test {

namespace {

void check_conformance(Lab& lab, const User& user, const std::vector<std::string>& options) {
  ProcessSpec spec;
  spec.argv = {"cli/scenario/schemathesis/run", user.creds().at("api").get<std::string>(), lab.folder() + "/ca.crt"};
  spec.argv.insert(spec.argv.end(), options.begin(), options.end());
  spec.env["HOME"] = user.home().string();
  spec.standard_input = user.creds().at("access_token").get<std::string>() + "\n";
  spec.timeout = std::chrono::seconds(300);
  const auto result = run(spec);
  INFO(result.standard_output, result.standard_error);
  CHECK(result.exit_code == 0);
}

}  // namespace

TEST_CASE("whatever is sent to the API, it answers as its document says") {
  Lab lab;
  lab.director.upload("syslog", "1.0.0");
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo", true, "kube")).exit_code == 0);
  REQUIRE(admin.call("POST", "/v1/quotas", {{"owner", "demo"}, {"limit", {{"cluster", 1}}}}).status == 201);
  check_conformance(lab, admin, {});
  CHECK_FALSE(contains(lab.log(), "api.error"));
}

}  // namespace slipway::cli::conformance_test
