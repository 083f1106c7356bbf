#include "pks-api/clusters/sinks.hpp"

#include <doctest/doctest.h>

#include "pks-api/api/api_fixture.hpp"
#include "test/authority.hpp"

namespace slipway::pks::sinks_test {

namespace {

Json sink(const std::string& name, const Json& more = Json::object()) {
  Json sink = {{"name", name}, {"host", "logs.example.org"}};
  sink.update(more);
  return sink;
}

struct Tenant : ApiFixture {
  explicit Tenant(const Json& sinks = Json::array()) {
    add_user("owner", {scope_manage});
    add_cluster("owner", "demo", "kube", 2, {{"sinks", sinks}});
    add_cluster("owner", "store", "small", 3);
  }
  std::string refused(const Json& request, int status = 400, const std::string& cluster = "demo") {
    const auto response = send("owner", "POST", "/v1/clusters/" + cluster + "/sinks", request);
    INFO(dump(request));
    CHECK(response.status == status);
    return json(response).at("body").get<std::string>();
  }
  Json manifest() { return manifest_of(*parts().clusters_store.find("demo"), parts().intents); }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Json job(const Json& manifest, std::size_t group, const std::string& name) {
  for (const auto& one : manifest.at("instance_groups").at(group).at("jobs")) {
    if (one.at("name") == name) return one;
  }
  return nullptr;
}

Json names_of(const Json& list) {
  Json names = Json::array();
  for (const auto& one : list) names.push_back(one.at("name"));
  return names;
}

}  // namespace

TEST_CASE("sinks become the destinations of the job that takes them, on every group, beside the cluster's own jobs") {
  Tenant f;
  CHECK(job(f.manifest(), 0, "log_sinks").is_null());
  CHECK(names_of(f.manifest().at("releases")) == Json{"kubernetes"});
  const auto pem = test::Authority("CA of a sink").ca().certificate_pem;
  REQUIRE(f.send("owner", "POST", "/v1/clusters/demo/sinks",
                 sink("audit", {{"port", 7000}, {"ca_cert", pem}, {"permitted_peer", "*.example.org"}}))
              .status == 202);
  const auto manifest = f.manifest();
  CHECK(names_of(manifest.at("releases")) == Json{"kubernetes", "syslog"});
  CHECK(manifest.at("releases")[1].at("version") == "1.0.0");
  CHECK(job(manifest, 0, "log_sinks").at("properties").at("syslog").at("jobs") == Json{"kube-apiserver"});
  CHECK(job(manifest, 1, "log_sinks").at("properties").at("syslog") ==
        Json{{"destinations", Json::array({{{"name", "audit"},
                                            {"address", "logs.example.org"},
                                            {"port", 7000},
                                            {"ca_cert", pem},
                                            {"permitted_peer", "*.example.org"}}})},
             {"jobs", {"kubelet"}},
             {"pods", true}});
  const auto shown = ApiFixture::json(f.send("owner", "GET", "/v1/clusters/demo/sinks"));
  REQUIRE(shown.size() == 1);
  CHECK(shown[0].at("type") == "syslog-tls");
}

TEST_CASE("a release stays while a job that stays is of it") {
  const Json taker = {{"name", "x"}, {"release", "both"}, {"properties", {{"to", "((sinks))"}}}};
  const Json other = {{"name", "y"}, {"release", "both"}}, third = {{"name", "z"}, {"release", "a"}};
  Json manifest = {{"releases", Json::array({{{"name", "a"}}, {{"name", "both"}}})},
                   {"instance_groups", Json::array({{{"jobs", {taker, other, third}}}})}};
  place_sinks(manifest, Json::array());
  CHECK(names_of(manifest.at("releases")) == Json{"a", "both"});
  CHECK(names_of(manifest.at("instance_groups")[0].at("jobs")) == Json{"y", "z"});
}

TEST_CASE("a sink that cannot be meant is refused with field, value and what is allowed") {
  Tenant f(Json::array({sink("taken", {{"type", "syslog-tls"}, {"port", 6514}})}));
  CHECK(has(f.refused({{"name", "a"}}), "host"));
  CHECK(has(f.refused(sink("Not A Label")), "name: is 'Not A Label', allowed are 1 to 63 lower case"));
  CHECK(has(f.refused(sink("a", {{"type", "syslog"}})), "type: is 'syslog', allowed is syslog-tls"));
  for (const auto* host : {"", "a b", "-a", "a..b", "[::1]", "x\"; protocol=\"udp", "((host))"})
    CHECK(has(f.refused(sink("a", {{"host", host}})), "host: "));
  CHECK(has(f.refused(sink("a", {{"host", std::string(100'000, 'a')}})), "host: is 'aaaa"));
  CHECK(has(f.refused(sink("a", {{"port", 0}})), "port"));
  CHECK(has(f.refused(sink("a", {{"port", "6514"}})), "port"));
  CHECK(has(f.refused(sink("a", {{"ca_cert", "nothing"}})), "ca_cert: is no PEM certificate"));
  CHECK(has(f.refused(sink("a", {{"ca_cert", std::string(70'000, 'x')}})), "ca_cert: has more than 65536 bytes"));
  CHECK(has(f.refused(sink("a", {{"permitted_peer", "*"}})), "permitted_peer: is '*', expected is a host name"));
  CHECK(has(f.refused(sink("a", {{"colour", "blue"}})), "unknown key"));
  const auto pem = test::Authority("CA of a sink").ca().certificate_pem;
  CHECK(has(f.refused(sink("a", {{"ca_cert", "((/slipway/other/password))\n" + pem}})), "ca_cert: has '(('"));
  CHECK(has(f.refused(sink("taken"), 409), "Cluster demo has a sink taken already"));
  CHECK(has(f.refused(sink("a"), 400, "store"), "plan 'small' has no use for it"));
  CHECK(f.send("owner", "DELETE", "/v1/clusters/demo/sinks/none").status == 404);

}

TEST_CASE("a cluster has at most ten sinks") {
  Json sinks = Json::array();
  for (int i = 0; i < 10; ++i) sinks.push_back(sink("s" + std::to_string(i), {{"type", "syslog-tls"}, {"port", 6514}}));
  Tenant f(sinks);
  CHECK(has(f.refused(sink("a"), 409), "has 10 sinks, which is the most"));
  sinks.push_back(sink("a"));
  const auto whole = f.send("owner", "PATCH", "/v1/clusters/demo", {{"sinks", sinks}});
  CHECK(whole.status == 400);
  CHECK(has(ApiFixture::json(whole).at("body").get<std::string>(), "sinks: must be a list of at most 10 sinks"));
}

}  // namespace slipway::pks::sinks_test
