#include "cpi/contract/server.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "base/clock.hpp"
#include "cpi/simulated/simulated_cpi.hpp"

using namespace slipway;
using namespace slipway::cpi;

namespace {

Json serve(const std::string& request) {
  SimulatedCloud cloud;
  ManualClock clock;
  std::istringstream in(request);
  std::ostringstream out;
  serve_one_call(in, out, [&](const Json&) { return std::make_unique<SimulatedCpi>(cloud, clock); });
  return Json::parse(out.str());
}

Json serve(const std::string& method, const Json& arguments) {
  return serve(Json{{"method", method}, {"arguments", arguments}, {"context", Json::object()}, {"api_version", 2}}.dump());
}

std::string message_of(const Json& response) { return response["error"]["message"].get<std::string>(); }

}  // namespace

TEST_CASE("a method nobody knows is an InvalidCall that names it") {
  const auto response = serve("create_unicorn", Json::array());
  CHECK(response["error"]["type"] == "InvalidCall");
  CHECK(message_of(response) == "Method is not known, got 'create_unicorn'");
  CHECK(response["result"].is_null());
  CHECK(response["log"] == "");
}

TEST_CASE("all wrong arguments are reported at once and nothing is called") {
  const auto response = serve("create_vm", Json::array({7, "", "text", Json::array(), 3}));
  CHECK(response["error"]["type"] == "InvalidCall");
  for (const char* part : {"argument 1 (agent_id) is not a string", "argument 2 (stemcell_cid) is empty",
                           "argument 3 (cloud_properties) is not an object", "argument 4 (networks) is not an object",
                           "argument 5 (disk_cids) is not a list"}) {
    CAPTURE(part);
    CHECK(message_of(response).find(part) != std::string::npos);
  }
  CHECK(message_of(serve("has_vm", Json::array())).find("argument 1 (vm_cid) is missing") != std::string::npos);
  CHECK(message_of(serve("has_vm", Json::array({"a", "b"}))).find("at most 1") != std::string::npos);
  CHECK(message_of(serve("create_disk", Json::array({-1, Json::object(), nullptr}))).find("above 0") != std::string::npos);
}

TEST_CASE("whatever comes in, one well-formed response goes out") {
  for (const char* request : {"", "rubbish", "[]", "7", "{}", R"({"method":7})", R"({"method":"info"})",
                              R"({"method":"info","arguments":{}})", R"({"method":"info","arguments":[]})",
                              R"({"method":"info","arguments":[],"context":7})"}) {
    CAPTURE(request);
    const auto response = serve(request);
    CHECK(response.contains("result"));
    CHECK(response["error"]["type"] == "InvalidCall");
    CHECK(response["log"].is_string());
  }
}

TEST_CASE("a deeply nested request is refused, not recursed into") {
  CHECK(serve(std::string(100'000, '['))["error"]["type"] == "InvalidCall");
}

TEST_CASE("exceptions of any kind become errors of the wire") {
  const auto serve_with = [](auto&& make) {
    std::istringstream in(R"({"method":"info","arguments":[],"context":{}})");
    std::ostringstream out;
    CHECK(serve_one_call(in, out, make) != 0);
    return Json::parse(out.str())["error"];
  };
  using Made = std::unique_ptr<Cpi>;
  CHECK(serve_with([](const Json&) -> Made { throw CpiError(ErrorType::no_disk_space, "full", true); }) ==
        Json{{"type", "Bosh::Clouds::NoDiskSpace"}, {"message", "full"}, {"ok_to_retry", true}});
  CHECK(serve_with([](const Json&) -> Made { throw Error(Fault::internal, "x"); })["type"] == "Bosh::Clouds::CpiError");
  CHECK(serve_with([](const Json&) -> Made { throw std::runtime_error("x"); })["type"] == "Unknown");
  CHECK(serve_with([](const Json&) -> Made { throw 7; })["type"] == "Unknown");
}

TEST_CASE("version 1 of the contract is not served") {
  const auto response = serve(R"({"method":"info","arguments":[],"context":{},"api_version":1})");
  CHECK(response["error"]["type"] == "Bosh::Clouds::NotSupported");
}

TEST_CASE("info is answered and methods of version 1 are not implemented") {
  CHECK(serve("info", Json::array())["result"]["api_version"] == 3);
  CHECK(serve("ping", Json::array())["error"]["type"] == "Bosh::Clouds::NotImplemented");
  CHECK(serve("configure_networks", Json::array({"vm", Json::object()}))["error"]["type"] == "Bosh::Clouds::NotImplemented");
}
