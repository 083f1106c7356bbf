#include <doctest/doctest.h>

#include "base/http/server.hpp"

using namespace slipway::http;

namespace {

Response get(const Router& router, const std::string& path, const std::string& method = "GET",
             const std::string& target = {}) {
  Request request;
  request.method = method;
  request.path = path;
  request.target = target;
  return router(request);
}

std::string text(const Response& response) { return std::get<std::string>(response.body); }

Router example() {
  Router router;
  router.add("GET", "/tasks/{id}",
             [](Request& r) { return Response::text(200, "task " + r.path_param("id")); });
  router.add("GET", "/tasks/{id}/output",
             [](Request& r) { return Response::text(200, "out " + r.path_param("id")); });
  router.add("PUT", "/tasks/{id}", [](Request&) { return Response::empty(204); });
  router.add("GET", "/files/{rest*}", [](Request& r) { return Response::text(200, r.path_param("rest")); });
  router.add("GET", "/", [](Request&) { return Response::text(200, "root"); });
  return router;
}

}  // namespace

TEST_CASE("a path finds its route and its parameters") {
  const auto router = example();
  CHECK(text(get(router, "/tasks/7")) == "task 7");
  CHECK(text(get(router, "/tasks/7/output")) == "out 7");
  CHECK(text(get(router, "/tasks/7/")) == "task 7");
  CHECK(text(get(router, "/")) == "root");
  CHECK(text(get(router, "/files/a/b/c")) == "a/b/c");
  CHECK(text(get(router, "/files")) == "");
}

TEST_CASE("an escaped slash stays inside its segment") {
  const auto router = example();
  CHECK(text(get(router, "/tasks/a/b", "GET", "/tasks/a%2Fb?x=/y")) == "task a/b");
}

TEST_CASE("an unknown path is 404, a known one with another method 405 and what is allowed") {
  const auto router = example();
  CHECK(get(router, "/nosuch").status == 404);
  CHECK(get(router, "/tasks").status == 404);
  CHECK(get(router, "/tasks/7/output/more").status == 404);
  const auto response = get(router, "/tasks/7", "DELETE");
  CHECK(response.status == 405);
  CHECK(response.headers.at("Allow") == "GET, PUT");
}

TEST_CASE("HEAD is answered by the route for GET") {
  CHECK(get(example(), "/tasks/7", "HEAD").status == 200);
  CHECK(get(example(), "/nosuch", "HEAD").status == 404);
}
