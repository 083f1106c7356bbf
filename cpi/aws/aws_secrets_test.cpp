#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include "base/process.hpp"
#include "cpi/aws/aws_account.hpp"

using namespace slipway;
using namespace slipway::cpi;
using namespace slipway::cpi::aws;

// Credentials are known to the CPI's configuration and to AWS. Everything else that a call leaves behind is
// searched.
namespace {

AwsAccount& account() {
  static AwsAccount account;
  return account;
}

// Command lines and environments of the CPIs that run at this moment.
std::string argv_and_environments() {
  std::string text;
  std::error_code gone;
  for (const auto& process : std::filesystem::directory_iterator("/proc", gone)) {
    const auto program = std::filesystem::read_symlink(process.path() / "exe", gone);
    if (gone || program.filename() != "slipway-cpi-aws") continue;
    for (const char* file : {"cmdline", "environ"}) {
      try {
        text += read_file(process.path() / file) + "\n";
      } catch (const Error&) {
        // It has ended meanwhile.
      }
    }
  }
  return text;
}

struct Traces {
  std::string outputs, processes;
  std::set<std::string> secrets;  // seen on the way to AWS, beside those configured
};

std::string call(Traces& traces, const std::string& config, const std::string& method, const Json& arguments,
                 const Json& context = Json::object()) {
  const auto result =
      run({.argv = {SLIPWAY_CPI_AWS, config},
           .standard_input = dump(
               {{"method", method}, {"arguments", arguments}, {"context", context}, {"api_version", 2}})});
  traces.outputs += result.standard_output + "\n" + result.standard_error + "\n";
  return result.standard_output;
}

void check_for(const Traces& traces, const std::string& secret) {
  REQUIRE(secret.size() > 10);
  CHECK(traces.outputs.find(secret) == std::string::npos);
  CHECK(traces.processes.find(secret) == std::string::npos);
}

}  // namespace

TEST_CASE("no credential is in output, log, error, argv or environment of any call") {
  Traces traces;
  account().proxy().set_faults([&](const test::ProxiedRequest& request) {
    traces.processes += argv_and_environments();
    if (const auto token = request.headers.find("X-Amz-Security-Token"); token != request.headers.end())
      traces.secrets.insert(token->second);
    return test::NetFault{};
  });
  auto config = account().config();
  config["log_calls"] = true;
  auto by_role = config;
  by_role["role_arn"] = account()["role_arn"];
  by_role.update(account().assumer());
  auto wrong = config;
  wrong["secret_access_key"] = "canary-canary-canary-canary-canary-canary";

  const Json networks{{"default", account().next_network()}};
  const Json vm{
      "secrets-1",   account()["ami"] + " light", account().vm_properties(), networks, Json::array(),
      Json::object()};
  const auto made = parse_json(call(traces, account().config_file(config), "create_vm", vm), "response");
  REQUIRE(made["error"].is_null());
  call(traces, account().config_file(by_role), "set_vm_metadata", {made["result"][0], {{"deployment", "d"}}});
  call(traces, account().config_file(by_role), "delete_vm", Json::array({made["result"][0]}));
  CHECK(call(traces, account().config_file(wrong), "has_vm", Json::array({made["result"][0]}))
            .find("AuthFailure") != std::string::npos);
  // Credentials of a cpi-config entry come with the request.
  auto bare = config;
  bare["access_key_id"] = "AKIANOBODYKNOWSTHISONE";
  bare["secret_access_key"] = "canary-of-the-file-canary-of-the-file-no";
  const Json context{{"access_key_id", config["access_key_id"]},
                     {"secret_access_key", config["secret_access_key"]}};
  const auto answered =
      call(traces, account().config_file(bare), "has_vm", Json::array({made["result"][0]}), context);
  CHECK(parse_json(answered, "response")["result"] == false);
  // A configuration that cannot be read is told without its values.
  auto broken = config;
  broken["secret_acces_key"] = "canary-of-a-wrong-key-canary-of-a-wrong-key";
  CHECK(call(traces, account().config_file(broken), "info", Json::array()).find("secret_acces_key") !=
        std::string::npos);
  account().proxy().set_faults({});

  CHECK(traces.processes.find("slipway-cpi-aws") != std::string::npos);
  CHECK(traces.outputs.find("aws.call") != std::string::npos);
  REQUIRE_FALSE(traces.secrets.empty());
  for (const auto& secret : traces.secrets) check_for(traces, secret);
  for (const auto& one : {config, by_role, wrong, bare})
    check_for(traces, one["secret_access_key"].get<std::string>());
  check_for(traces, broken["secret_acces_key"].get<std::string>());
}

TEST_CASE("an endpoint whose certificate does not verify is not spoken to") {
  auto config = account().config();
  config["ca"] = "";
  account().proxy().take_requests();
  const auto cpi = account().in_process(config);
  try {
    cpi->has_vm({"i-0123456789abcdef0"});
    FAIL("no error");
  } catch (const CpiError& error) {
    CHECK(std::string(error.what()).find("certificate does not verify") != std::string::npos);
  }
  CHECK(account().proxy().take_requests().empty());
}
