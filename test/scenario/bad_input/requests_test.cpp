#include <doctest/doctest.h>

#include "test/scenario/bad_input/director_process.hpp"

using namespace slipway;
using namespace slipway::test;

TEST_CASE("no body and no path, however malformed, is a mistake of the director's own") {
  DirectorProcess director;
  const std::vector<std::string> posts = {"/deployments", "/deployments/x/diff", "/cloud_configs", "/runtime_configs",
                                          "/configs", "/configs/diff", "/releases", "/stemcells", "/stemcell_uploads",
                                          "/packages/matches", "/packages/matches_compiled", "/events",
                                          "/deployments/x/errands/e/runs"};
  const std::vector<std::string> bodies = {
      "", "{}", "[]", "null", "\"x\"", "{\"a\":", "\xff\xfe", std::string("\0\1", 2), "name: \"a\\0b\"", "name: ../../x\n",
      "name: [1]", R"({"type":1,"name":2,"content":3})", R"({"type":"cloud","name":"default","content":"azs: 3"})",
      R"({"from":{"id":"x"},"to":{"id":"y"}})", R"({"location":5})", R"({"stemcell":{"name":3,"version":[]}})",
      R"({"packages":[{"name":1}]})", R"({"instances":3})", "{\"value\":" + std::string(200, '[') + std::string(200, ']') + "}"};
  for (const auto& target : posts) {
    for (const auto& body : bodies) {
      for (const std::string type : {"application/json", "text/yaml"}) {
        CAPTURE(target);
        CAPTURE(body);
        CHECK(director.send("POST", target, body, type).status != 500);
      }
    }
  }
  const std::vector<std::pair<std::string, std::string>> targets = {
      {"GET", "/tasks?limit=-1"}, {"GET", "/tasks?limit=99999999999999999999"}, {"GET", "/tasks?state=what"},
      {"GET", "/tasks/99999999999999999999"}, {"GET", "/tasks/-1"}, {"GET", "/tasks/%00"},
      {"GET", "/tasks/1/output?type=../../x"}, {"GET", "/configs/abc"}, {"GET", "/deployments/%2e%2e%2f"},
      {"GET", "/deployments/a%00b"}, {"GET", "/resources/%2e%2e%2fetc%2fpasswd"}, {"GET", "/events?before_id=x"},
      {"DELETE", "/deployments/%ff%fe"}, {"DELETE", "/releases/x?version=%00"}, {"DELETE", "/stemcells/a/b%0d%0ax"},
      {"DELETE", "/disks/..%2fx"}, {"PUT", "/deployments/x/jobs/g?state=nope"}};
  for (const auto& [method, target] : targets) {
    CAPTURE(target);
    CHECK(director.send(method, target).status != 500);
  }
  CHECK(director.running());
  CHECK(until(std::chrono::seconds(20), [&] { return director.get("/tasks?state=queued,processing").empty(); }));
  CHECK(director.nothing_stored());
}
