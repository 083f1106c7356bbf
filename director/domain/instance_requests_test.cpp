#include "director/domain/instance_requests.hpp"

#include <doctest/doctest.h>

#include "base/digest.hpp"

using namespace slipway;
using namespace slipway::director;

namespace instance_requests_test {

namespace {

const std::string blob = base64_encode(std::string({'\0', '\0', '\0', 11}) + "ssh-ed25519" +
                                       std::string({'\0', '\0', '\0', 32}) + std::string(32, 'k'));
const std::string key = "ssh-ed25519 " + blob + " me@here";

Json setup(const std::string& user = "bosh_1a", const std::string& public_key = key) {
  return {{"command", "setup"},
          {"deployment_name", "dep"},
          {"target", {{"job", "web"}, {"ids", {"0"}}, {"indexes", {"0"}}}},
          {"params", {{"user", user}, {"public_key", public_key}}}};
}

Json cleanup(const std::string& regex) {
  return {{"command", "cleanup"}, {"target", Json::object()}, {"params", {{"user_regex", regex}}}};
}

template <class Read>
int code_of(const Read& read) {
  try {
    read();
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return error.code();
  }
  return 0;
}

}  // namespace

TEST_CASE("an errand's request is read as the task will read it again") {
  const auto request = read_errand_request(
      "smoke", parse_json(R"({"keep-alive":true,"instances":[{"group":"web","id":"first"},{"group":"db"}]})", "request"));
  CHECK(request.keep_alive);
  CHECK_FALSE(request.when_changed);
  const auto again = read_errand_request("smoke", to_json(request));
  REQUIRE(again.instances.size() == 2);
  CHECK(again.instances[0].id == "first");
  CHECK(again.instances[1].id.empty());
  CHECK(read_errand_request("smoke", Json::object()).instances.empty());
}

TEST_CASE("an errand's request of wrong types is refused with BOSH's codes and all problems") {
  for (const char* body : {"[]", "3", "null", "\"x\"", R"({"keep-alive":"yes"})", R"({"when-changed":1})",
                           R"({"instances":{}})", R"({"instances":["web"]})", R"({"instances":[{"group":[]}]})"}) {
    CAPTURE(body);
    CHECK(code_of([&] { read_errand_request("smoke", parse_json(body, "request")); }) == 40000);
  }
  CHECK(code_of([] { read_errand_request("smoke", parse_json(R"({"instances":[{"id":"0"}]})", "request")); }) == 40001);
  CHECK_THROWS_WITH_AS(read_errand_request("smoke", parse_json(R"({"keep-alive":1,"instances":[7]})", "request")),
                       doctest::Contains("instances[0]"), Error);
}

TEST_CASE("log types are sorted and unknown ones refused") {
  CHECK(read_logs_request(Json::object()).types == "job");
  CHECK(read_logs_request({{"type", ""}}).types == "job");
  CHECK(read_logs_request({{"type", "system,agent, job,agent"}}).types == "agent,job,system");
  CHECK(code_of([] { read_logs_request({{"type", "job,kernel"}}); }) == 40005);
  CHECK_THROWS_WITH_AS(read_logs_request({{"type", "kernel"}}), doctest::Contains("'agent', 'job' and 'system'"),
                       Error);
}

TEST_CASE("log filters are globs that stay below the log folder") {
  const auto request = read_logs_request({{"filters", "web/*.log, **/b.log\n"}});
  CHECK(request.filters == std::vector<std::string>{"web/*.log", "**/b.log"});
  CHECK(read_logs_request(to_json(request)).filters == request.filters);
  for (const char* filter : {"/etc/shadow", "../../etc/shadow", "web/../../x", "a\x01", ".."}) {
    CAPTURE(filter);
    CHECK(code_of([&] { read_logs_request({{"filters", filter}}); }) == 40005);
  }
  CHECK(code_of([] { read_logs_request({{"filters", std::string(2000, 'x')}}); }) == 40005);
}

TEST_CASE("an ssh setup is read with its targets, and the key's line end does not matter") {
  const auto request = read_ssh_request("dep", setup("bosh_1a", key + "\n"));
  CHECK(request.setup);
  CHECK(request.group == "web");
  CHECK(request.ids == std::vector<std::string>{"0"});
  CHECK(request.public_key == key);
  const auto again = read_ssh_request("dep", to_json(request));
  CHECK(again.user == "bosh_1a");
  CHECK(again.ids == request.ids);
}

TEST_CASE("indexes count where no ids are given") {
  const auto request = read_ssh_request(
      "dep", {{"command", "cleanup"}, {"target", {{"indexes", {2}}}}, {"params", {{"user_regex", "^bosh_1a"}}}});
  CHECK(request.ids == std::vector<std::string>{"2"});
}

TEST_CASE("only accounts of ssh's own kind are made") {
  for (const char* user : {"root", "vcap", "bosh_", "bosh_A", "bosh_a;reboot", "bosh_../x", "bosh_sudoers", "-r"}) {
    CAPTURE(user);
    CHECK(code_of([&] { read_ssh_request("dep", setup(user)); }) == 40005);
  }
  CHECK(code_of([] { read_ssh_request("dep", setup("bosh_" + std::string(28, 'a'))); }) == 40005);
}

TEST_CASE("a public key is one line of a known type that says the same inside") {
  const std::vector<std::string> bad_keys = {"ssh-ed25519",
                                             "ssh-ed25519 ####",
                                             "ssh-rsa " + blob,
                                             key + "\nssh-rsa AAAA",
                                             key + "\x07",
                                             "command=\"x\" " + key,
                                             "ssh-ed25519 " + base64_encode("short"),
                                             "ssh-ed25519 " + std::string(20000, 'A')};
  for (const auto& bad : bad_keys) {
    CAPTURE(bad);
    CHECK(code_of([&] { read_ssh_request("dep", setup("bosh_1a", bad)); }) == 40005);
  }
}

TEST_CASE("a clean-up names accounts by their beginning and nothing more clever") {
  for (const char* regex : {"^bosh_1a2b", "^bosh_1a2b$", "^bosh_", "^bosh_1a.*"})
    CHECK(read_ssh_request("dep", cleanup(regex)).user_regex == regex);
  for (const char* regex : {".*", "bosh_1a", "^root", "^bosh_(a+)+$", "^bosh_|root", "^bosh_a{1,9}"}) {
    CAPTURE(regex);
    CHECK(code_of([&] { read_ssh_request("dep", cleanup(regex)); }) == 40005);
  }
}

TEST_CASE("an ssh request that lacks something or contradicts its path is refused") {
  CHECK(code_of([] { read_ssh_request("dep", Json::array()); }) == 40000);
  CHECK(code_of([] { read_ssh_request("dep", Json::object()); }) == 40001);
  CHECK(code_of([] { read_ssh_request("dep", {{"command", "setup"}, {"params", Json::object()}}); }) == 40001);
  CHECK(code_of([] { read_ssh_request("dep", {{"command", "dance"}, {"params", Json::object()}}); }) == 40005);
  CHECK(code_of([] { read_ssh_request("other", setup()); }) == 40005);
  auto body = setup();
  body["target"]["ids"] = {{{"a", 1}}};
  CHECK(code_of([&] { read_ssh_request("dep", body); }) == 40000);
}

TEST_CASE("an account's password, which old clients send, is not kept") {
  auto body = setup();
  body["params"]["password"] = "s3cret";
  CHECK(to_json(read_ssh_request("dep", body)).dump().find("s3cret") == std::string::npos);
}

}  // namespace instance_requests_test
