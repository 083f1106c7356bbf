#include <doctest/doctest.h>

#include "pks-api/api/api_fixture.hpp"

namespace slipway::pks::quotas_test {

namespace {

Json order(const std::string& name, int nodes) {
  return {
      {"name", name},
      {"plan_name", "kube"},
      {"parameters", {{"kubernetes_master_host", name + ".lab"}, {"kubernetes_worker_instances", nodes}}}};
}

// Of the plan kube a worker takes 2 CPUs and 4 GB, a control plane 1 and 2.
struct Owners : ApiFixture {
  Owners() {
    add_user("owner", {scope_manage});
    add_user("admin", {scope_admin});
  }
  int limit(const Json& limits) {
    return send("admin", "POST", "/v1/quotas", {{"owner", "owner"}, {"limit", limits}}).status;
  }
};

}  // namespace

TEST_CASE("an order beyond a quota is refused with a code of its own, and nothing is left of it") {
  Owners f;
  std::string part;
  SUBCASE("clusters") {
    REQUIRE(f.limit({{"cluster", 0}}) == 201);
    part = "allows 0 clusters, and with this order it would be 1";
  }
  SUBCASE("CPUs") {
    REQUIRE(f.limit({{"cpu", 4}}) == 201);
    part = "allows 4 CPUs, and with this order it would be 5";
  }
  SUBCASE("memory") {
    REQUIRE(f.limit({{"memory", 9.5}}) == 201);
    part = "allows 9.5 GB of memory, and with this order it would be 10";
  }
  const auto refused = f.send("owner", "POST", "/v1/clusters", order("demo", 2));
  CHECK(refused.status == 403);
  CHECK(ApiFixture::json(refused).at("code") == "quota_exceeded");
  CHECK(ApiFixture::json(refused).at("body").get<std::string>().find(part) != std::string::npos);
  CHECK(ApiFixture::json(f.send("owner", "GET", "/v1/clusters")).empty());
  // Quotas are the owners'; an admin has none.
  CHECK(f.send("admin", "POST", "/v1/clusters", order("other", 2)).status == 202);
}

TEST_CASE("a quota counts what there is, and keeps nobody from shrinking") {
  Owners f;
  f.add_cluster("owner", "one", "kube", 3);
  const auto usage = ApiFixture::json(f.send("owner", "GET", "/v1/usages/owner"));
  CHECK(usage.at("totals") == Json{{"cpu", 7}, {"memory", 14.0}, {"cluster", 1}});
  REQUIRE(f.limit({{"cpu", 5}}) == 201);
  CHECK(f.send("owner", "PATCH", "/v1/clusters/one", {{"kubernetes_worker_instances", 4}}).status == 403);
  CHECK(f.send("owner", "PATCH", "/v1/clusters/one", {{"kubernetes_worker_instances", 2}}).status == 202);
  CHECK(f.send("admin", "PATCH", "/v1/quotas/owner", {{"limit", {{"cpu", nullptr}}}}).status == 200);
  CHECK(f.send("owner", "POST", "/v1/clusters", order("two", 5)).status == 202);
}

TEST_CASE("an upgrade to a plan that takes more is held against the quota, many at once together") {
  Owners f;
  for (const auto* name : {"one", "two"}) {
    f.add_cluster("owner", name, "kube", 1);
    auto cluster = *f.parts().clusters_store.find(name);
    auto plan = parse_json(cluster.plan_document, "plan");
    plan["resources"]["node"]["cpu"] = 1;  // the plan has grown since
    cluster.plan_document = dump(plan);
    REQUIRE(f.parts().clusters_store.begin(cluster, cluster.operation));
  }
  REQUIRE(f.limit({{"cpu", 5}}) == 201);
  CHECK(ApiFixture::json(f.send("owner", "GET", "/v1/usages/owner")).at("totals").at("cpu") == 4);
  const auto both = f.send("owner", "PATCH", "/v1/clusters", {{"clusters", {"one", "two"}}});
  CHECK(both.status == 403);
  CHECK(ApiFixture::json(both).at("code") == "quota_exceeded");
  CHECK(f.send("owner", "PATCH", "/v1/clusters", {{"clusters", {"one"}}}).status == 202);
  CHECK(f.send("admin", "PATCH", "/v1/clusters", {{"clusters", {"one", "two"}}}).status == 202);
}

TEST_CASE("of many orders at once no more are taken than the quota allows") {
  Owners f;
  REQUIRE(f.limit({{"cluster", 3}}) == 201);
  std::vector<std::thread> threads;
  std::atomic<int> taken = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      if (f.send("owner", "POST", "/v1/clusters", order("c" + std::to_string(i), 1)).status == 202) ++taken;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(taken == 3);
}

TEST_CASE("limits that are none are refused") {
  Owners f;
  for (const auto& limits :
       {Json{{"cpu", -1}}, Json{{"cpu", 1.5}}, Json{{"cluster", "3"}}, Json{{"disk", 1}}, Json(7)}) {
    INFO(dump(limits));
    CHECK(f.limit(limits) == 400);
  }
  CHECK(f.send("admin", "POST", "/v1/quotas", {{"owner", ""}, {"limit", Json::object()}}).status == 400);
  REQUIRE(f.limit({{"cpu", 1}}) == 201);
  CHECK(f.limit({{"cpu", 1}}) == 409);
  CHECK(f.send("admin", "PATCH", "/v1/quotas/owner", {{"owner", "x"}, {"limit", {{"cpu", 2}}}}).status ==
        400);
  CHECK(f.send("admin", "DELETE", "/v1/quotas/owner").status == 204);
  CHECK(f.send("admin", "GET", "/v1/quotas/owner").status == 404);
}

}  // namespace slipway::pks::quotas_test
