#include <doctest/doctest.h>

#include "pks-api/api/api_fixture.hpp"

// Role × endpoint × owner. Each row says what an endpoint answers to each role; a route that is in no row
// fails the test.

namespace slipway::pks::authorization_test {

namespace {

// y: let through (whatever comes of it then), else the status's last digit: 401, 403, 404.
struct Row {
  const char *method, *target;
  Json body;
  const char*
      answers;  // nobody, user without scopes, reader of all, manager and owner, another manager, admin
};

const char* const roles[] = {"", "plain", "reader", "owner", "other", "admin"};

Json network() { return {{"name", "n"}, {"parameters", "{\"pod_network\":\"10.1.0.0/16\"}"}}; }
Json compute() { return {{"name", "c"}, {"parameters", {{"worker_azs", {"z1"}}}}}; }
Json kubernetes(const std::string& name) {
  return {{"name", name},
          {"customizations", Json::array({{{"component", "kubelet"}, {"arguments", {{"max-pods", "50"}}}}})}};
}

Json sink(const std::string& name) { return {{"name", name}, {"host", "logs.lab"}}; }

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      {"GET", "/v1/clusters", nullptr, "13yyyy"},
      {"POST", "/v1/clusters", Json::object(), "133yyy"},
      {"PATCH", "/v1/clusters", {{"clusters", {"hers"}}}, "133y4y"},
      {"GET", "/v1/clusters/hers", nullptr, "13yy4y"},
      {"GET", "/v1/clusterdetails/hers", nullptr, "13yy4y"},
      {"GET", "/v1/clusters/hers/progress", nullptr, "13yy4y"},
      {"PATCH", "/v1/clusters/hers", {{"kubernetes_worker_instances", 5}}, "133y4y"},
      {"PATCH", "/v1/clusters/hers?dry_run=true", {{"kubernetes_worker_instances", 5}}, "133y4y"},
      {"POST", "/v1/clusters/hers/upgrade", nullptr, "133y4y"},
      {"POST", "/v1/clusters/hers/upgrade?dry_run=true", nullptr, "133y4y"},
      {"POST", "/v1/clusters/hers/upgrade?rollback=true", nullptr, "133y4y"},
      {"POST", "/v1/clusters/hers/binds", nullptr, "133y4y"},
      {"GET", "/v1/clusters/hers/certificates", nullptr, "13yy4y"},
      {"POST", "/v1/clusters/hers/certificates/rotate", nullptr, "133y4y"},
      {"GET", "/v1/clusters/kube/sinks", nullptr, "13yy4y"},
      {"POST", "/v1/clusters/kube/sinks", sink("new"), "133y4y"},
      {"POST", "/v1/clusters/kube/sinks?dry_run=true", sink("new"), "133y4y"},
      {"DELETE", "/v1/clusters/kube/sinks/old", nullptr, "133y4y"},
      {"DELETE", "/v1/clusters/kube/sinks/old?dry_run=true", nullptr, "133y4y"},
      {"GET", "/v1/clusters/kube/binds/owner", nullptr, "133y33"},
      {"GET", "/v1/clusters/kube/binds/plain", nullptr, "1y3333"},
      {"GET", "/v1/clusters/kube/binds/other", nullptr, "1333y3"},
      {"GET", "/v1/clusters/kube/binds/~", nullptr, "1yyyyy"},
      {"DELETE", "/v1/clusters/hers", nullptr, "133y4y"},
      {"GET", "/v1/plans", nullptr, "13yyyy"},
      {"GET", "/v1/upgradable", nullptr, "13yyyy"},
      {"GET", "/v1/tasks", nullptr, "13yyyy"},
      {"GET", "/v1/tasks/TASK", nullptr, "13yy4y"},
      {"PUT", "/v1/tasks/TASK", nullptr, "133y4y"},
      {"POST", "/v1/tasks/TASK/pause", nullptr, "133y4y"},
      {"POST", "/v1/tasks/TASK/resume", nullptr, "133y4y"},
      {"POST", "/v1/tasks/TASK/abort", nullptr, "133y4y"},
      {"POST", "/v1/tasks/TASK/retry", nullptr, "133y4y"},
      {"GET", "/v1/network-profiles", nullptr, "13yyyy"},
      {"POST", "/v1/network-profiles", network(), "13333y"},
      {"GET", "/v1/network-profiles/wide", nullptr, "13yyyy"},
      {"DELETE", "/v1/network-profiles/wide", nullptr, "13333y"},
      {"GET", "/v1/compute-profiles", nullptr, "13yyyy"},
      {"POST", "/v1/compute-profiles", compute(), "13333y"},
      {"GET", "/v1/compute-profiles/near", nullptr, "13yyyy"},
      {"DELETE", "/v1/compute-profiles/near", nullptr, "13333y"},
      {"GET", "/v1/kubernetes-profiles", nullptr, "13yyyy"},
      {"POST", "/v1/kubernetes-profiles", kubernetes("new"), "133yyy"},
      {"GET", "/v1/kubernetes-profiles/hers", nullptr, "13yyyy"},
      {"DELETE", "/v1/kubernetes-profiles/hers", nullptr, "133y3y"},
      {"GET", "/v1/quotas", nullptr, "13y33y"},
      {"POST", "/v1/quotas", {{"owner", "new"}, {"limit", {{"cluster", 1}}}}, "13333y"},
      {"GET", "/v1/quotas/owner", nullptr, "13y33y"},
      {"PATCH", "/v1/quotas/owner", {{"limit", {{"cluster", 9}}}}, "13333y"},
      {"DELETE", "/v1/quotas/owner", nullptr, "13333y"},
      {"GET", "/v1/usages", nullptr, "13yyyy"},
      {"GET", "/v1/usages/owner", nullptr, "13yy3y"}};
  return all;
}

struct Tenants : ApiFixture {
  std::string task;
  Tenants() {
    add_user("plain", {});
    add_user("reader", {scope_admin_read});
    add_user("owner", {scope_manage});
    add_user("other", {scope_manage});
    add_user("admin", {scope_admin});
    add_cluster("owner", "hers");
    add_cluster("owner", "kube", "kube", 2,
                {{"sinks", Json::array({{{"name", "old"}, {"type", "syslog-tls"}, {"host", "logs.lab"}, {"port", 6514}}})}});
    REQUIRE(send("admin", "POST", "/v1/quotas", {{"owner", "owner"}, {"limit", {{"cluster", 5}}}}).status ==
            201);
    auto profile = network();
    profile["name"] = "wide";
    REQUIRE(send("admin", "POST", "/v1/network-profiles", profile).status == 201);
    profile = compute();
    profile["name"] = "near";
    REQUIRE(send("admin", "POST", "/v1/compute-profiles", profile).status == 201);
    REQUIRE(send("owner", "POST", "/v1/kubernetes-profiles", kubernetes("hers")).status == 201);
    FleetTask fleet;
    fleet.uuid = task = "5f0c4c0a-0000-4000-8000-000000000000";
    fleet.owner = "owner";
    fleet.status = in_progress;
    fleet.started_at = 1;
    parts().fleet_store.insert(fleet);
  }
};

char answer_of(int status) { return status == 401 ? '1' : status == 403 ? '3' : status == 404 ? '4' : 'y'; }

std::string pattern_matching(const std::set<std::string>& routes, const Row& row) {
  const auto parts_of = [](std::string path) {
    path = path.substr(0, path.find('?'));
    std::vector<std::string> parts;
    for (std::size_t begin = 1; begin <= path.size();) {
      const auto end = std::min(path.find('/', begin), path.size());
      parts.push_back(path.substr(begin, end - begin));
      begin = end + 1;
    }
    return parts;
  };
  for (const auto& route : routes) {
    const auto blank = route.find(' ');
    const auto pattern = parts_of(route.substr(blank + 1)), target = parts_of(row.target);
    bool same = route.substr(0, blank) == row.method && pattern.size() == target.size();
    for (std::size_t i = 0; same && i < pattern.size(); ++i)
      same = pattern[i].starts_with('{') || pattern[i] == target[i];
    if (same) return route;
  }
  return "";
}

}  // namespace

TEST_CASE("every route answers every role as the table says, and no route is in no table") {
  std::set<std::string> left;
  {
    ApiFixture fixture;
    left = fixture.routes();
  }
  REQUIRE(left.size() > 30);
  const auto routes = left;
  for (const auto& row : rows()) {
    const auto route = pattern_matching(routes, row);
    INFO(row.method, " ", row.target);
    CHECK(route != "");
    left.erase(route);
    // What is let through changes something: each row begins anew, and those who are refused come first.
    Tenants tenants;
    for (const auto wanted : {'1', '3', '4', 'y'}) {
      for (std::size_t role = 0; role < std::size(roles); ++role) {
        if (row.answers[role] != wanted) continue;
        std::string target = row.target;
        if (const auto at = target.find("TASK"); at != std::string::npos) target.replace(at, 4, tenants.task);
        const auto response = tenants.send(roles[role], row.method, target, row.body);
        INFO("as ", roles[role], ": status ", response.status);
        const auto seen = answer_of(response.status);
        // A second one who may finds it deleted already.
        const bool gone = seen == '4' && wanted == 'y' && std::string(row.method) == "DELETE" && role > 3;
        CHECK((seen == wanted || gone));
        if (response.status >= 400) CHECK(ApiFixture::json(response).contains("body"));
      }
    }
  }
  CHECK(left == std::set<std::string>{});
}

TEST_CASE("no credentials are in what a reader of all gets to see") {
  Tenants tenants;
  for (const auto* target :
       {"/v1/clusters", "/v1/clusters/hers", "/v1/clusterdetails/hers", "/v1/tasks", "/v1/usages"}) {
    const auto text = std::get<std::string>(tenants.send("reader", "GET", target).body);
    for (const auto* word : {"private_key", "client-key", "password", "token"})
      CHECK(text.find(word) == std::string::npos);
  }
}

}  // namespace slipway::pks::authorization_test
